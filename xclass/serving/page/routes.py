"""The addresses of the demo besides those of every service: the page, and what it shows of the run."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from xclass.errors import XclassError
from xclass.serving.bodies import JSON_TYPE
from xclass.serving.model import ServedModel
from xclass.serving.page.document import page_and_policy
from xclass.serving.page.held_out import MAX_SHOWN
from xclass.serving.page.run_view import RunView
from xclass.serving.refusals import RequestError, bad
from xclass.serving.service import Service

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_MOST_DIGITS = 12


def demo_routes(service: Service) -> list[Route]:
    """What a service answers besides, when its page is shown.

    Args:
        service: that it belongs to.
    """
    demo = _Demo(service)
    return [
        Route("/", demo.page),
        Route("/demo/facts", demo.facts),
        Route("/demo/held_out", demo.held_out),
        Route("/demo/known", demo.known, methods=["POST"]),
    ]


class _Demo:
    """The view of the run of the model that is served now; another model has another one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turn = asyncio.Lock()
        self._seen: tuple[ServedModel, RunView] | None = None

    async def page(self, request: Request) -> Response:
        """For people; a client that does not ask for HTML learns what there is, as of any service."""
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse(self._service.describe(), headers=_HEADERS | {"vary": "accept"})
        page, policy = page_and_policy()
        headers = {"content-security-policy": policy, "referrer-policy": "no-referrer", "vary": "accept"}
        return HTMLResponse(page, headers=_HEADERS | headers)

    async def facts(self, request: Request) -> Response:
        model, view = await self._view()
        reader = model.bodies.inputs
        document = {"model": model.describe(), "max_chars": reader.max_chars, "dim": reader.dim}
        return JSONResponse(document | view.to_json(), headers=_HEADERS)

    async def held_out(self, request: Request) -> Response:
        which = request.query_params.get("which", "")
        if which not in ("right", "wrong"):
            raise bad("another value of which", allowed="right or wrong", remedy="?which=right&start=0&num=3")
        start, num = _number(request, "start"), _number(request, "num")
        _, view = await self._view()
        if isinstance(view.held_out, str):
            raise _missing(view.held_out)
        some = await asyncio.to_thread(
            view.held_out.some, is_right=which == "right", start=start, num=min(num, MAX_SHOWN)
        )
        return JSONResponse({"queries": some}, headers=_HEADERS)

    async def known(self, request: Request) -> Response:
        class_id, num = _number(request, "class"), _number(request, "num")
        deadline = asyncio.get_running_loop().time() + self._service.settings.deadline_seconds
        model, view = await self._view()
        async with self._service.room.body_of(request, deadline) as body:
            query = model.bodies.read(JSON_TYPE, body, {}).inputs
        if isinstance(view.known, str):
            raise _missing(view.known)
        if class_id >= view.known.num_classes:
            raise _missing(f"class {class_id} is not one of the data of the run")
        try:
            found = await asyncio.to_thread(
                view.known.nearest, model.encode, query, class_id, num=min(num, MAX_SHOWN)
            )
        except XclassError as error:
            raise _missing(str(error)) from error
        return JSONResponse(found, headers=_HEADERS)

    async def _view(self) -> tuple[ServedModel, RunView]:
        async with self._turn:
            model = self._service.model
            if self._seen is None or self._seen[0] is not model:
                self._seen = (model, await asyncio.to_thread(RunView.of, model))
            return self._seen


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise bad(f"another value of {name}", allowed="a whole number, 0 or more", remedy=f"?{name}=0")
    return int(text)


def _missing(reason: str) -> RequestError:
    document: dict[str, Any] = {"allowed": "what lies beside the model", "remedy": "see the page"}
    return RequestError(404, reason, **document)
