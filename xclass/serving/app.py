"""The service over HTTP: an application of Starlette, to be run by uvicorn or any other ASGI server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from xclass.serving.bodies import unique_parameters
from xclass.serving.refusals import RequestError
from xclass.serving.service import Service
from xclass.serving.settings import LOOPBACK, ServeSettings

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_WENT_AWAY = 499
"""Of a client that closed its connection before the answer, as nginx counts it."""

_log = logging.getLogger(__name__)


def make_app(settings: ServeSettings, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The service as an application of one process.

    Args:
        settings: what it serves and within which limits; host, port and workers are the runner's.
        extra_routes: come before its own, so that a page may have ``/``; they find the service in
            ``request.app.state.service``.

    Raises:
        ModelError: the model cannot be served.
    """
    return app_of(Service(settings), extra_routes)


def app_of(service: Service, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The same of a service that is there already."""
    app = Starlette(
        routes=[
            *extra_routes,
            Route("/", _describe),
            Route("/health", _health),
            Route("/metrics", _metrics),
            Route("/predict", _predict, methods=["POST"]),
        ],
        middleware=_middleware(service.settings),
        exception_handlers={RequestError: _refused, HTTPException: _no_such, Exception: _failed},
        lifespan=_running,
    )
    app.state.service = service
    return app


@asynccontextmanager
async def _running(app: Starlette) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.start()
    _log.info("ready")
    yield
    await service.stop()


class _KnownNames:
    """Refuses other names: by one the page of a stranger could reach a service on loopback (DNS rebinding).

    Not starlette's TrustedHostMiddleware, whose answer does not say what to do.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and _name_in(Headers(scope=scope).get("host", "")) not in self._names:
            document = {
                "error": "another name of this service",
                "allowed": ", ".join(self._names),
                "remedy": "start the service with hosts=NAME",
            }
            app = _json(document, HTTPStatus.MISDIRECTED_REQUEST)
        await app(scope, receive, send)


def _name_in(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:  # half of an address of IPv6
        return None


def _middleware(settings: ServeSettings) -> list[Middleware]:
    names = [*LOOPBACK, *settings.hosts] if settings.is_loopback else list(settings.hosts)
    return [Middleware(_KnownNames, names=names)] if names else []


async def _predict(request: Request) -> Response:
    service: Service = request.app.state.service
    clock = asyncio.get_running_loop().time
    begun = clock()
    deadline, status = begun + service.settings.deadline_seconds, HTTPStatus.INTERNAL_SERVER_ERROR.value
    try:
        service.batcher.check_room()
        async with service.room.body_of(request, deadline) as body:
            content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            parameters = unique_parameters(request.query_params.multi_items())
            document = await service.answer(content_type, body, parameters, deadline)
        status = HTTPStatus.OK.value
        return _json(document)
    except RequestError as refusal:
        status = refusal.status
        raise
    except ClientDisconnect:
        status = _WENT_AWAY
        return Response(status_code=HTTPStatus.BAD_REQUEST.value)
    finally:
        service.meters.count_request(status, clock() - begun)


async def _describe(request: Request) -> Response:
    service: Service = request.app.state.service
    return _json(service.describe())


async def _health(request: Request) -> Response:
    service: Service = request.app.state.service
    return _json(await service.health())


async def _metrics(request: Request) -> Response:
    service: Service = request.app.state.service
    return Response(await service.metrics(), media_type=_METRICS_TYPE, headers=_HEADERS)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers = {} if error.retry_seconds is None else {"retry-after": str(error.retry_seconds)}
    return _json(error.to_json(), error.status, headers)


async def _no_such(request: Request, error: Exception) -> Response:
    """Of an address or a method that there is not."""
    assert isinstance(error, HTTPException)
    document = {
        "error": HTTPStatus(error.status_code).phrase.lower(),
        "allowed": "POST /predict, GET /health, GET /metrics, GET /",
        "remedy": "see GET /",
    }
    return JSONResponse(
        document, status_code=error.status_code, headers={**(error.headers or {}), **_HEADERS}
    )


async def _failed(request: Request, error: Exception) -> Response:
    """Of a defect of ours: its words stand in the log and not in the answer."""
    document = {"error": "the service failed", "allowed": "", "remedy": "see the log of the service"}
    return _json(document, HTTPStatus.INTERNAL_SERVER_ERROR)


def _json(
    document: dict[str, Any], status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(document, status_code=int(status), headers={**(headers or {}), **_HEADERS})
