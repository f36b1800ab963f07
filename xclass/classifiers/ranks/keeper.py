"""When a checkpoint is written while a head takes steps, and how it goes on from one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xclass.classifiers.base import Feed
from xclass.classifiers.device import Device
from xclass.classifiers.ranks.checkpoints import (
    TrainingState,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from xclass.classifiers.ranks.ranks import Ranks
from xclass.encoders.base import Encoder
from xclass.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoints:
    """Where checkpoints lie and how often they are written; what a classifier is given.

    Attributes:
        folder: one that all ranks see; of this method alone.
        every_seconds: of the budget, between two of them.
        data: what is learnt from, in words; a checkpoint of other data is refused.
    """

    folder: Path
    every_seconds: float
    data: str = ""


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far training has come."""

    steps: int = 0
    examples: int = 0


class Resumable(Protocol):
    """A head whose training can be interrupted."""

    def state(self) -> TrainingState:
        """Its arrays as they are now, what generators need, and which problem they are of."""
        ...

    def take_back(self, facts: dict[str, Any]) -> None:
        """Go on from the facts of a state whose arrays have been filled."""
        ...

    def describe(self, folder: Path) -> None:
        """Write the manifest of the model that the arrays in this folder make."""
        ...


class Keeper:
    """Writes and reads the checkpoints of one fit."""

    def __init__(self, checkpoints: Checkpoints, *, encoder: Encoder, feed: Feed, ranks: Ranks) -> None:
        """Look for a checkpoint; nothing is read yet."""
        self._checkpoints = checkpoints
        self._encoder = encoder
        self._feed = feed
        self._ranks = ranks
        self._saved_seconds = 0.0
        self.found = newest_checkpoint(checkpoints.folder, ranks)
        """What training goes on from; None: it begins."""
        self.num_written = 0

    def go_on(self, head: Resumable) -> Progress:
        """Fill head and encoder from the checkpoint that was found, and have the feed begin behind it.

        Raises:
            ModelError: it is damaged, or of another problem.
        """
        if self.found is None:
            return Progress()
        facts = load_checkpoint(self.found, self._state(head, Progress()), self._ranks)
        head.take_back(facts)
        self._saved_seconds = float(facts["seconds"])
        progress = Progress(steps=int(facts["steps"]), examples=int(facts["examples"]))
        self._feed.start_at(steps=progress.steps, seconds=self._saved_seconds)
        return progress

    def after_step(self, head: Resumable, progress: Progress) -> None:
        """Write a checkpoint where one is due: by the feed's clock, which all ranks share."""
        seconds = self._feed.seconds_spent()
        if seconds - self._saved_seconds < self._checkpoints.every_seconds:
            return

        def describe(folder: Path) -> None:
            self._encoder.save(folder)
            head.describe(folder)

        state = self._state(head, progress)
        save_checkpoint(self._checkpoints.folder, state, self._ranks, describe=describe)
        self._saved_seconds = seconds
        self.num_written += 1

    def facts(self) -> dict[str, Any]:
        """For the record."""
        begun = None if self.found is None else self.found.name
        return {"checkpoints_written": self.num_written, "went_on_from": begun}

    def _state(self, head: Resumable, progress: Progress) -> TrainingState:
        state = head.state()
        state.problem |= {"data": self._checkpoints.data}
        state.shared |= self._encoder.trained_arrays()
        state.facts |= {
            "steps": progress.steps,
            "examples": progress.examples,
            "seconds": self._feed.seconds_spent(),
        }
        return state


def open_keeper(
    checkpoints: Checkpoints | None, *, encoder: Encoder, feed: Feed, ranks: Ranks, device: Device
) -> Keeper | None:
    """A keeper where checkpoints are wanted.

    Raises:
        ConfigError: the class vectors are on a GPU, of which none are written.
    """
    if checkpoints is None:
        return None
    if device is not Device.cpu:
        raise ConfigError(
            "device", device.value, allowed="cpu with checkpoints", remedy="train on a GPU without them"
        )
    return Keeper(checkpoints, encoder=encoder, feed=feed, ranks=ranks)
