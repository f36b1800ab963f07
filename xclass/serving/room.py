"""Room for the bodies of requests: bounded, so that no flood of them can take a worker's memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from xclass.serving.refusals import RequestError, overloaded, too_large
from xclass.serving.settings import ServeSettings


@dataclass(slots=True)
class _Taken:
    """Room of one body."""

    num_bytes: int = 0


class BodyRoom:
    """Reads bodies, each within a limit and all together within another.

    Memory: ``room_bytes`` of bodies; uvicorn holds 64 KiB more of each connection that it has not been asked
    for. Source: uvicorn/protocols/http/flow_control.py, HIGH_WATER_LIMIT.
    """

    def __init__(self, settings: ServeSettings, retry_seconds: Callable[[], int]) -> None:
        """Keep the limits, and how clients learn when to come back."""
        self._settings = settings
        self._retry_seconds = retry_seconds
        self._taken_bytes = 0

    @asynccontextmanager
    async def body_of(self, request: Request, deadline: float) -> AsyncIterator[bytes]:
        """The body; room is taken as its bytes come and given back at the end of the block.

        Not before, for what it says it will send: else a few slow clients had all of it and had sent nothing.

        Args:
            request: of the client.
            deadline: by the clock of the loop.

        Raises:
            RequestError: 413: it is too large; 503: no room; 408: it did not come in time.
            ClientDisconnect: of starlette; the client went away.
        """
        limit = self._settings.max_bytes
        length = request.headers.get("content-length", "")
        # h11 has seen to it that a length is a number.
        size = int(length) if length else 0
        if size > limit:
            raise self._too_large(f"{size} bytes")
        self._check_room(size)
        taken = _Taken()
        try:
            yield await self._read_in_time(request, taken, deadline)
        finally:
            self._taken_bytes -= taken.num_bytes

    def _check_room(self, size: int) -> None:
        if self._taken_bytes + size > self._settings.room_bytes:
            raise overloaded("overloaded: no room for more bodies", retry_seconds=self._retry_seconds())

    async def _read_in_time(self, request: Request, taken: _Taken, deadline: float) -> bytes:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._read(request, taken)
        except TimeoutError:
            raise RequestError(
                408,
                f"a body that did not come within {self._settings.deadline_seconds:g} s",
                allowed="bodies that come at once",
                remedy="send it again",
            ) from None

    async def _read(self, request: Request, taken: _Taken) -> bytes:
        pieces, limit = [], self._settings.max_bytes
        async for piece in request.stream():
            if taken.num_bytes + len(piece) > limit:
                raise self._too_large(f"more than {limit} bytes")
            self._check_room(len(piece))
            self._taken_bytes += len(piece)
            taken.num_bytes += len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _too_large(self, size: str) -> RequestError:
        return too_large(
            f"a body of {size}",
            allowed=f"up to {self._settings.max_bytes} bytes",
            remedy="send several requests, or start the service with a larger max_bytes=",
        )
