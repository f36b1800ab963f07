"""One process's part in a fit that several carry out together, or that it carries out alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xclass.classifiers.class_slices import class_slice
from xclass.classifiers.ranks.checkpoints import remove_checkpoints
from xclass.classifiers.ranks.keeper import Checkpoints
from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ranks, open_ranks
from xclass.errors import ConfigError
from xclass.records.record import Pass
from xclass.run.spec import ChildSpec


class RankPart:
    """What the job of a child does otherwise where it is one of several ranks."""

    def __init__(self, spec: ChildSpec) -> None:
        """Find the other ranks; what that costs is part of the base.

        Raises:
            ConfigError: torchrun started another number of ranks than the spec is for.
            RanksError: the others cannot be reached.
        """
        self._spec = spec
        self._checkpoints = _checkpoints_of(spec)
        self.ranks: Ranks = SINGLE_RANK
        if spec.num_ranks > 1:
            _check_number(spec.num_ranks)
            config = spec.run_config()
            patience = 60 * config.measure.rank_timeout_minutes
            self.ranks = open_ranks(device=config.device, patience_seconds=patience)

    @property
    def sections(self) -> dict[str, Any]:
        """Keywords that a classifier gets besides its sections, where there is something to say."""
        ranks = {"ranks": self.ranks} if self.ranks.size > 1 else {}
        return ranks | ({"checkpoints": self._checkpoints} if self._checkpoints else {})

    @property
    def is_first(self) -> bool:
        """It writes what all ranks have alike."""
        return self.ranks.rank == 0

    def facts(self, *, is_trained: bool) -> dict[str, Any]:
        """For the outcome: nothing where it is alone.

        Args:
            is_trained: the encoder is trained too, so that the gradient at the inputs crosses between ranks.
        """
        if self.ranks.size == 1:
            return {}
        config, shape = self._spec.run_config(), self._spec.problem_shape()
        settings, sections = getattr(config.method, self._spec.method), config.sections_of(self._spec.method)
        traffic = settings.traffic_bytes(shape, self.ranks.size, is_trained=is_trained, **sections)
        return {
            "rank": {
                "num_classes": len(class_slice(shape.num_classes, self.ranks.rank, self.ranks.size)),
                "num_threads": shape.threads,
                "predicted_step_traffic_bytes": traffic,
            }
        }

    @contextmanager
    def new_folder(self, folder: Path) -> Iterator[Path]:
        """A folder that appears whole or not at all; one that was there (a repeat by hand) is replaced.

        All ranks write into it; the first makes it, and gives it its name when all have written.
        """
        partial = folder.with_name(f".{folder.name}.partial")
        if self.is_first:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        self.ranks.wait()
        try:
            yield partial
            self.ranks.wait()
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        if self.is_first:
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
            if self._checkpoints:
                remove_checkpoints(self._checkpoints.folder)
        self.ranks.wait()


def _checkpoints_of(spec: ChildSpec) -> Checkpoints | None:
    """Of the measured training alone: what is repeated or shortened is not worth going on with."""
    settings = spec.run_config().checkpoint
    is_kept = spec.pass_ is Pass.RSS and spec.repeat == 0 and spec.can_shard
    if settings.minutes is None or not is_kept:
        return None
    folder = Path(settings.folder) if settings.folder else Path(spec.run_dir) / "checkpoints"
    data = f"{spec.data_name} {json.dumps(spec.config['data'], sort_keys=True)}"
    return Checkpoints(folder=folder / spec.method, every_seconds=settings.minutes * 60, data=data)


def _check_number(num_ranks: int) -> None:
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != num_ranks:
        raise ConfigError(
            "ranks",
            num_ranks,
            allowed=f"{started}, the processes that were started",
            remedy=f"start it with torchrun --nproc-per-node {num_ranks}, or --nnodes for several machines",
        )
