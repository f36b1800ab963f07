"""A client of a service for measuring: HTTP/1.1 over kept connections, thinner than any library's.

httpx takes 0.5 ms per request, more than the service; here a request costs 0.1 ms.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request, ready to be sent."""

    path: str
    content_type: str
    body: bytes

    def to_bytes(self, host: str) -> bytes:
        """As it goes over the wire."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {self.content_type}\r\n"
            f"content-length: {len(self.body)}\r\n\r\n"
        )
        return head.encode("ascii") + self.body


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status 0 where nothing did."""

    status: int
    seconds: float
    body: bytes


class Connection:
    """One kept connection; a failed request is a reply of status 0, and the next one connects again."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, call: Call) -> Reply:
        """One request and its answer."""
        begun = time.perf_counter()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 26)
            reader, writer = self._streams
            writer.write(call.to_bytes(f"{self._host}:{self._port}"))
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            body = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return Reply(0, time.perf_counter() - begun, b"")
        if b"connection: close" in head.lower():
            self.close()
        return Reply(int(head.split(b" ", 2)[1]), time.perf_counter() - begun, body)

    def close(self) -> None:
        """The next request connects again."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


@dataclass(kw_only=True, slots=True)
class Heard:
    """All replies of one measurement."""

    seconds: float
    replies: list[Reply] = field(default_factory=list)

    def figures(self, queries_per_call: int = 1) -> dict[str, float | int | None]:
        """Counts by status, p50 and p99 of those answered, queries answered per second."""
        good = sorted(reply.seconds for reply in self.replies if reply.status == 200)
        statuses = {reply.status for reply in self.replies}
        counts = {f"status_{status}": self._count(status) for status in sorted(statuses)}
        return {
            "num_requests": len(self.replies),
            **counts,
            "p50_seconds": good[len(good) // 2] if good else None,
            "p99_seconds": good[min(len(good) - 1, len(good) * 99 // 100)] if good else None,
            "queries_per_second": len(good) * queries_per_call / self.seconds,
        }

    def _count(self, status: int) -> int:
        return sum(reply.status == status for reply in self.replies)


def ask_in_turn(url: str, calls: list[Call], *, concurrency: int, for_seconds: float) -> Heard:
    """So many clients, each with its next request as soon as it has the answer to the last; at least one."""

    async def client(heard: Heard, number: int) -> None:
        connection = Connection(url)
        at = number
        while at == number or time.perf_counter() < until:
            heard.replies.append(await connection.send(calls[at % len(calls)]))
            at += concurrency
        connection.close()

    async def all_of_them() -> Heard:
        heard = Heard(seconds=for_seconds)
        await asyncio.gather(*(client(heard, number) for number in range(concurrency)))
        heard.seconds = time.perf_counter() - begun
        return heard

    begun = time.perf_counter()
    until = begun + for_seconds
    return asyncio.run(all_of_them())


def ask_at_rate(url: str, calls: list[Call], *, per_second: float, for_seconds: float, most: int) -> Heard:
    """Requests at fixed moments, whether the last were answered or not; every one is waited for.

    Args:
        url: of the service.
        calls: sent one after the other, from the beginning again at their end.
        per_second: how many begin.
        for_seconds: so long.
        most: connections at a time; a request that finds none free waits for one, and its time counts.
    """

    async def one(heard: Heard, free: asyncio.Queue[Connection], call: Call) -> None:
        begun = time.perf_counter()
        connection = await free.get()
        reply = await connection.send(call)
        heard.replies.append(Reply(reply.status, time.perf_counter() - begun, b""))
        free.put_nowait(connection)

    async def all_of_them() -> Heard:
        heard, free = Heard(seconds=0.0), asyncio.LifoQueue[Connection]()
        connections = [Connection(url) for _ in range(most)]
        for connection in connections:
            free.put_nowait(connection)
        begun, tasks = time.perf_counter(), []
        for number in range(int(per_second * for_seconds)):
            wait = begun + number / per_second - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(one(heard, free, calls[number % len(calls)])))
        await asyncio.gather(*tasks)
        heard.seconds = time.perf_counter() - begun
        for connection in connections:
            connection.close()
        return heard

    return asyncio.run(all_of_them())
