"""What one child is told: a JSON file, so that the same line can be typed by hand to repeat it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import MethodsConfig, RunConfig, from_dict
from xclass.data.registry import DATA_CONFIGS
from xclass.measure.environment import thread_variables
from xclass.records.record import Pass, Phase
from xclass.records.store import write_text
from xclass.shapes import ProblemShape
from xclass.sizing.ranks import rank_threads

_LOOPBACK, _LOOPBACK_ADDRESS = "lo", "127.0.0.1"
"""Ranks of one machine talk to each other here: gloo neither encrypts nor asks who is there. Where they find
each other first (torch's TCPStore, which holds addresses alone) listens on all interfaces: torch has no word
for another."""


@dataclass(kw_only=True, slots=True)
class ChildSpec:
    """One child: some phases of one method under one instrument."""

    method: str
    """Method name; the data source's name for the prepare phase."""
    phases: list[Phase]
    """``[prepare]``, ``[train]``, ``[build]`` or ``[load, serve]``."""
    pass_: Pass
    repeat: int = 0
    """Number of the repeat of the untraced pass, from 0."""
    data_name: str
    config: dict[str, Any]
    """The resolved RunConfig."""
    run_dir: str
    model_dir: str
    """Where the fit phase saves and the load phase finds the model."""
    data_facts: dict[str, Any] = field(default_factory=dict)
    """What the prepare phase found; empty for the prepare phase itself."""
    shape: dict[str, Any] = field(default_factory=dict)
    """The ProblemShape; empty for the prepare phase."""
    is_proof: bool = False
    """Under a cap, where nothing may be done but the phase."""
    lender_dir: str | None = None
    """Model of a method trained before, whose encoder is borrowed, and perhaps its class vectors."""

    @property
    def name(self) -> str:
        """Of the files that belong to this child."""
        number = f"-{self.repeat + 1}" if self.repeat else ""
        return f"{self.method}-{'-'.join(self.phases)}-{self.pass_}{number}"

    @property
    def note(self) -> str:
        """What a reader of the progress should know of this pass; empty for the first."""
        if self.repeat:
            return f"repeat {self.repeat + 1}"
        return {Pass.HEAP: "heap trace", Pass.TWIN: "as short, untraced"}.get(self.pass_, "")

    @property
    def is_judged(self) -> bool:
        """Whether metrics and pictures are made of its answers, after everything was measured."""
        return self.pass_ is Pass.RSS and self.repeat == 0 and not self.is_proof

    @property
    def num_ranks(self) -> int:
        """Processes that carry it out together: those of the run where the method can be sharded, else 1."""
        return int(self.config.get("ranks", 1)) if self.can_shard else 1

    @property
    def can_shard(self) -> bool:
        """It trains a head that any number of ranks can train, this one among them."""
        return self.phases == [Phase.TRAIN] and METHOD_CONFIGS[self.method].can_shard

    def command(self, path: Path) -> list[str]:
        """The line that carries it out on this machine: of several ranks that of torchrun, with its words.

        Args:
            path: where it was written.
        """
        worker = ["-m", "xclass.run.worker", str(path)]
        if self.num_ranks == 1:
            return [sys.executable, *worker]
        # torchrun unpickles what it finds at its meeting point: a file of this user, not a port for everybody
        # as with --standalone. By its own address: a machine's name need not be known to the machine itself.
        words = ["--rdzv-backend", "c10d", "--rdzv-conf", "store_type=file"]
        words += ["--local-addr", _LOOPBACK_ADDRESS, "--nproc-per-node", str(self.num_ranks)]
        return [sys.executable, "-m", "xclass.run.rank_agent", *words, *worker]

    def environment(self) -> dict[str, str]:
        """Variables of several ranks on this machine: their share of the threads, and where they talk."""
        return rank_environment(self._whole_config()) if self.num_ranks > 1 else {}

    @property
    def num_threads(self) -> int:
        """Threads of each process: the ranks of a machine share those of the run, each has at least one."""
        config = self._whole_config()
        if self.num_ranks == 1:
            return config.num_threads
        return rank_threads(config.num_threads, int(os.environ.get("LOCAL_WORLD_SIZE", self.num_ranks)))

    def write(self, path: Path) -> None:
        """Write the JSON file.

        Raises:
            RecordError: it cannot be written.
        """
        write_text(path, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> ChildSpec:
        """Read the JSON file back."""
        document = json.loads(path.read_text(encoding="utf-8"))
        document["phases"] = [Phase(phase) for phase in document["phases"]]
        document["pass_"] = Pass(document["pass_"])
        return cls(**document)

    def run_config(self) -> RunConfig:
        """The configuration of this process, which of several ranks has its share of the threads."""
        config = self._whole_config()
        return replace(config, threads=self.num_threads) if self.num_ranks > 1 else config

    def _whole_config(self) -> RunConfig:
        """The configuration as dataclasses, its data section of the right class."""
        data = from_dict(DATA_CONFIGS[self.data_name], self.config["data"])
        method = from_dict(MethodsConfig, self.config["method"])
        config: RunConfig = from_dict(RunConfig, self.config | {"data": data, "method": method})
        return config

    def sections(self) -> dict[str, Any]:
        """Root sections that the method takes; files on the way go where the model will be saved."""
        sections = self.run_config().sections_of(self.method)
        folder = Path(self.model_dir).parent
        for name in {"weights", "index"} & set(sections):
            if sections[name].folder is None:
                folder.mkdir(parents=True, exist_ok=True)
                sections[name] = replace(sections[name], folder=str(folder))
        if "index" in sections and sections["index"].model is None:
            sections["index"] = replace(sections["index"], model=self.lender_dir)
        return sections

    def borrowed_encoder(self) -> Path | None:
        """Model folder whose encoder is taken."""
        model = self.run_config().index.model if self.method == "nearest_neighbour" else None
        lender = self.lender_dir or model
        return Path(lender) if lender else None

    def problem_shape(self) -> ProblemShape:
        """The shape as a dataclass: all classes, and the threads of this process."""
        shape = ProblemShape(**self.shape)
        return replace(shape, threads=self.num_threads) if self.num_ranks > 1 else shape


def rank_environment(config: RunConfig) -> dict[str, str]:
    """Variables of a run's ranks when all of them are on this machine, on top of those of every child."""
    threads = rank_threads(config.num_threads, config.ranks)
    return {**thread_variables(threads), "GLOO_SOCKET_IFNAME": _LOOPBACK}
