"""One process's part of a service: a model, its queue and its meters, without HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from xclass.serving.batches import Batcher
from xclass.serving.memory import MemoryReader
from xclass.serving.meters import Meters
from xclass.serving.model import ServedModel
from xclass.serving.promise import Promise
from xclass.serving.room import BodyRoom
from xclass.serving.settings import ServeSettings
from xclass.serving.swap import Swapper


class Service:
    """Answers bodies of /predict, and says how it is."""

    def __init__(self, settings: ServeSettings, pids: Callable[[], list[int]] | None = None) -> None:
        """Open the model.

        Args:
            settings: of the service.
            pids: gives the processes whose memory is the service's; None: this one.

        Raises:
            ModelError: the model cannot be served.
        """
        self.settings = settings
        self.meters = Meters()
        self.memory = MemoryReader(pids)
        self.batcher = Batcher(settings, self.meters.count_batch)
        self.room = BodyRoom(settings, self.batcher.retry_seconds)
        self.swapper = Swapper(settings, self.meters.count_swap)
        self._begun = time.monotonic()

    @property
    def model(self) -> ServedModel:
        """That new requests are answered by."""
        return self.swapper.model

    def look_again(self) -> None:
        """Open what lies at the model's path now."""
        self.swapper.look_again()

    def start(self) -> None:
        """Begin to answer and to watch for a new model, in the running loop."""
        self.batcher.start()
        self.swapper.start()

    async def stop(self) -> None:
        """Answer what is queued, then end."""
        self.swapper.stop()
        await self.batcher.stop()

    async def answer(
        self, content_type: str, body: bytes, parameters: Mapping[str, str], deadline: float
    ) -> dict[str, Any]:
        """What /predict says to a body.

        Args:
            content_type: without its parameters.
            body: whole.
            parameters: of the address.
            deadline: by the clock of the loop.

        Returns:
            ``answers``, one list per query, best first; with ``probability`` also ``confidence``, one per
            query, and ``probability`` and ``confidence_kind``, what they are; ``model``; ``seconds`` since
            the body was there.

        Raises:
            RequestError: and why.
        """
        clock = asyncio.get_running_loop().time
        begun, model = clock(), self.model
        self.batcher.check_room()
        ask = model.bodies.read(content_type, body, parameters)
        found = await self.batcher.answer(ask, model, model.search_for(ask), deadline=deadline)
        document = model.to_json(ask, found)
        return document | {"model": model.identity(), "seconds": clock() - begun}

    async def health(self) -> dict[str, Any]:
        """Whether it answers, with what, since when, and the RAM against the promise."""
        processes = await self.memory.read()
        promise = self.model.promise
        return {
            "ready": True,
            "up_seconds": time.monotonic() - self._begun,
            "model": self.model.describe(),
            "refused_model": self.swapper.refused,
            "queue": {"waiting": self.batcher.num_waiting, "most": self.settings.max_queue},
            "ram": {
                "now_bytes": sum(process.pss_bytes for process in processes),
                "promised_bytes": promise.total_bytes if isinstance(promise, Promise) else None,
                "promise": promise.to_json() if isinstance(promise, Promise) else {"reason": promise},
                "processes": [process.to_json() for process in processes],
            },
        }

    async def metrics(self) -> bytes:
        """Prometheus' text."""
        promise = self.model.promise
        promised_bytes = promise.total_bytes if isinstance(promise, Promise) else None
        self.meters.set_queue(self.batcher.num_waiting)
        return self.meters.text(await self.memory.read(), promised_bytes)

    def describe(self) -> dict[str, Any]:
        """What there is to ask, for GET /."""
        settings, model = self.settings, self.model
        return {
            "service": "xclass",
            "model": model.describe(),
            "addresses": {
                "POST /predict": "classes of queries; JSON, or .npy of vectors with ?k=5&probability=true",
                "GET /health": "model, RAM, queue",
                "GET /metrics": "the same and times, for Prometheus",
            },
            "example": model.bodies.example(),
            "limits": {
                "queries_per_request": settings.max_batch,
                "k": min(settings.max_k, model.num_classes),
                "bytes": settings.max_bytes,
                "characters_per_text": settings.max_chars,
                "seconds": settings.deadline_seconds,
            },
        }
