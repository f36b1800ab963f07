"""What a proof repeats: the record of a phase, the exact spec of its child, and where its files are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xclass.errors import ConfigError
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.records.store import RECORDS_FOLDER, read_records, record_path
from xclass.run.spec import ChildSpec

PROVABLE = (Phase.TRAIN, Phase.BUILD, Phase.SERVE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofSource:
    """One measured phase of a recorded run."""

    run_dir: Path
    record: Record
    load: Record | None
    """Of the load phase in the same child, for the serve phase."""
    spec: ChildSpec
    """As it was run, its folders where they are now."""

    @property
    def record_name(self) -> str:
        """File name of the record."""
        return record_path(self.run_dir, self.record).name

    @property
    def model_bytes(self) -> int:
        """Of the saved model's files."""
        return sum(path.stat().st_size for path in Path(self.spec.model_dir).rglob("*") if path.is_file())

    def model_folders(self) -> list[Path]:
        """Saved models that the phase will open: its own to serve it, a lender's to build from."""
        served = self.spec.model_dir if self.record.phase is Phase.SERVE else None
        return [Path(folder) for folder in (self.spec.lender_dir, served) if folder is not None]

    def files(self) -> Iterator[Path]:
        """Every file that the phase will read: the model, a lender's, and prepared data."""
        for folder in [*self.model_folders(), self.spec.data_facts.get("folder")]:
            if folder is not None:
                yield from sorted(path for path in Path(folder).rglob("*") if path.is_file())


def find_source(run_dir: Path, method: str | None, phase: Phase) -> ProofSource:
    """Find what is to be proven.

    Args:
        run_dir: folder of one run, perhaps moved since.
        method: None for the only one of the run.
        phase: train, build or serve.

    Raises:
        ConfigError: no run, no such method or phase in it, or one that was not measured or whose model is
            gone.
        RecordError: its records are damaged.
    """
    if not (run_dir / RECORDS_FOLDER).is_dir():
        raise ConfigError(
            "RUN_FOLDER", run_dir, allowed="the folder of one run, with records/ in it",
            remedy="it is what a run prints at its beginning; of a sweep one of its numbered folders",
        )  # fmt: skip
    records = [record for record in read_records(run_dir) if record.pass_ is Pass.RSS]
    method = method or _only_method(records)
    phases = {record.phase: record for record in reversed(records) if record.method == method}
    if not set(phases) & set(PROVABLE):
        raise ConfigError("method", method, allowed=_names(records), remedy="name a method of this run")
    record = phases.get(phase)
    if record is None:
        allowed = ", ".join(name for name in PROVABLE if name in phases)
        raise ConfigError("phase", phase, allowed=f"{allowed} for {method}", remedy="it has no other phase")
    if record.verdict is not Verdict.MEASURED:
        raise ConfigError(
            "phase", phase, allowed="a phase that was measured",
            remedy=f"{method} {phase} of this run is {record.verdict}: {record.cause}",
        )  # fmt: skip
    if record.ranks:
        raise ConfigError(
            "phase", phase, allowed="a phase of one process",
            remedy=f"{len(record.ranks)} ranks carried this one out: repeat it with ranks=1, or prove serve",
        )  # fmt: skip
    spec = _find_spec(run_dir, method, phase)
    if phase is Phase.SERVE and not Path(spec.model_dir).is_dir():
        raise ConfigError(
            "RUN_FOLDER", run_dir, allowed=f"a run that kept its model ({spec.model_dir} is gone)",
            remedy="repeat the run with keep_models=true",
        )  # fmt: skip
    return ProofSource(run_dir=run_dir, record=record, load=phases.get(Phase.LOAD), spec=spec)


def _only_method(records: list[Record]) -> str:
    names = _names(records)
    if not names or "," in names:
        raise ConfigError("method", "(not given)", allowed=names or "none here", remedy="name one")
    return names


def _names(records: list[Record]) -> str:
    names = dict.fromkeys(record.method for record in records if record.phase is not Phase.PREPARE)
    return ", ".join(names)


def _find_spec(run_dir: Path, method: str, phase: Phase) -> ChildSpec:
    for path in sorted((run_dir / "specs").glob(f"{method}-*.json")):
        spec = ChildSpec.read(path)
        if (spec.method, spec.pass_) == (method, Pass.RSS) and phase in spec.phases:
            old = Path(spec.run_dir)
            model_dir = _moved(spec.model_dir, old, run_dir)
            lender = spec.lender_dir and _moved(spec.lender_dir, old, run_dir)
            return replace(spec, run_dir=str(run_dir), model_dir=model_dir, lender_dir=lender)
    raise ConfigError(
        "RUN_FOLDER", run_dir, allowed=f"a run with specs/{method}-...-{phase}-rss.json",
        remedy="copy the whole folder of the run, or repeat the run",
    )  # fmt: skip


def _moved(folder: str, old: Path, new: Path) -> str:
    """Inside a run that was moved or copied a folder lies where it lay in the old one."""
    path = Path(folder)
    inside = new / path.relative_to(old) if path.is_relative_to(old) else path
    return str(inside if inside.exists() else path)
