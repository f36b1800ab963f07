"""Room for bodies: taken by what has come, given back, and never more than there is."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from event_loops import run_alone
from starlette.requests import Request

from xclass.serving.refusals import RequestError
from xclass.serving.room import BodyRoom
from xclass.serving.settings import ServeSettings

SETTINGS = ServeSettings(model="m", max_bytes=1024)


def request_of(*pieces, announced=None):
    """A request whose body comes in these pieces; the last one not before somebody waits for ever."""
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if pieces and pieces[-1]:
        left[-1]["more_body"] = False

    async def receive():
        return left.pop(0) if left else await asyncio.Event().wait()

    headers = [] if announced is None else [(b"content-length", b"%d" % announced)]
    return Request({"type": "http", "headers": headers}, receive)


async def wait_in(room, request, seconds):
    async with room.body_of(request, asyncio.get_running_loop().time() + seconds) as body:
        return body


@pytest.mark.parametrize("announced", [None, 1024])
def test_clients_that_send_nothing_take_no_room_from_others(announced):
    async def scene():
        room = BodyRoom(SETTINGS, lambda: 1)
        slow = [asyncio.create_task(wait_in(room, request_of(announced=announced), 0.2)) for _ in range(20)]
        await asyncio.sleep(0)
        assert await wait_in(room, request_of(b"x" * 1024), 1) == b"x" * 1024
        return await asyncio.gather(*slow, return_exceptions=True)

    assert [error.status for error in run_alone(scene())] == [408] * 20


@pytest.mark.parametrize("announced", [None, 1000])
def test_no_more_is_held_than_there_is_room_and_all_of_it_is_given_back(announced):
    async def scene():
        room = BodyRoom(SETTINGS, lambda: 7)
        deadline = asyncio.get_running_loop().time() + 5
        async with AsyncExitStack() as held:
            for _ in range(4):
                whole = request_of(b"x" * 500, b"x" * 500, announced=announced)
                await held.enter_async_context(room.body_of(whole, deadline))
            with pytest.raises(RequestError, match="no room") as refused:
                await wait_in(room, request_of(b"x" * 500, announced=announced), 1)
            assert (refused.value.status, refused.value.retry_seconds) == (503, 7)
        for _ in range(8):
            await wait_in(room, request_of(b"x" * 1000, announced=announced), 1)

    run_alone(scene())
