"""Another model in the place of the one that is served, without a request that fails.

The path that was given is looked at twice a second. What lies there now is opened beside the old model and
tried; only then does it take its place, and requests that were read before are answered by the old one. A new
one that is damaged is refused, and the old one stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xclass.errors import RecordError, XclassError
from xclass.records.store import write_text
from xclass.serving.model import ServedModel, fingerprint
from xclass.serving.settings import ServeSettings, shared_folder

LOOK_SECONDS = 0.5

_TAKEN = "model.taken"

_log = logging.getLogger(__name__)


class Swapper:
    """Holds the model that is served now.

    Memory: while a new model is opened, both; pages of the old file can be dropped.
    """

    def __init__(self, settings: ServeSettings, on_swap: Callable[[bool], None]) -> None:
        """Open the first model.

        Args:
            settings: of the service.
            on_swap: told of every attempt whether the new model took its place.

        Raises:
            ModelError: it cannot be served.
        """
        self._settings = settings
        self._on_swap = on_swap
        self._seen = fingerprint(settings.path)
        self._look = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self.refused: dict[str, Any] | None = None
        """The newest model that was refused, and why; None once another was taken."""
        self.model = self._first()
        self._remember()

    def start(self) -> None:
        """Begin to watch, in the running loop."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        """No longer watch."""
        if self._watching is not None:
            self._watching.cancel()

    def look_again(self) -> None:
        """Open what lies there now, even if it was refused before or looks as it did."""
        self._seen = ""
        self._look.set()

    async def _watch(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            # In a thread: the folder may lie on a disk that does not answer.
            found = await asyncio.to_thread(fingerprint, self._settings.path)
            if found != self._seen:
                self._seen = found
                await self._try_new()

    def _first(self) -> ServedModel:
        """What lies there, or what a worker before took, which may have been killed while a bad one lay."""
        try:
            return ServedModel(self._settings)
        except XclassError as error:
            shared = shared_folder()
            if shared is None or not (shared / _TAKEN).is_file():
                raise
            self._refuse(error)
            return ServedModel(self._settings, Path((shared / _TAKEN).read_text(encoding="utf-8")))

    def _remember(self) -> None:
        if (shared := shared_folder()) is None:
            return
        try:
            write_text(shared / _TAKEN, str(self.model.folder))
        except RecordError as error:  # the disk is full: that is no reason not to answer
            _log.warning("a worker that is started later may not find the model of now: %s", error)

    def _refuse(self, error: BaseException) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        self.refused = {"reason": reason, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        _log.warning("a new model was refused, the old one goes on: %s", reason)

    async def _try_new(self) -> None:
        opening = asyncio.ensure_future(asyncio.to_thread(ServedModel, self._settings))
        # Not awaited as such: whatever a damaged model raises, the old one goes on.
        await asyncio.wait([opening])
        error = opening.exception()
        self._on_swap(error is None)
        if error is not None:
            self._refuse(error)
            return
        self.model, self.refused = opening.result(), None
        self._remember()
        model = self.model
        _log.info(
            "swapped: %s (%s classes) took the place after %.2f s",
            model.folder, model.num_classes, model.opening_seconds,
        )  # fmt: skip
