"""Why a request is not answered: a status of HTTP, and in words what was wrong, allowed and to be done."""

from __future__ import annotations

from typing import Any

from xclass.errors import XclassError


class RequestError(XclassError):
    """A request that is answered with a 4xx or with 503."""

    def __init__(
        self, status: int, error: str, *, allowed: str, remedy: str, retry_seconds: int | None = None
    ) -> None:
        """Compose the answer.

        Args:
            status: of HTTP.
            error: what is wrong; parts of the request in it are short and quoted by :func:`repr`.
            allowed: what would have been accepted.
            remedy: what to do.
            retry_seconds: after which a client may ask again; of a 503.
        """
        super().__init__(f"{error}: allowed is {allowed}; {remedy}")
        self.status = status
        self.retry_seconds = retry_seconds
        self._document = {"error": error, "allowed": allowed, "remedy": remedy}

    def to_json(self) -> dict[str, Any]:
        """``error``, ``allowed`` and ``remedy``."""
        return dict(self._document)


def bad(error: str, *, allowed: str, remedy: str = "see GET / for what a request may hold") -> RequestError:
    """Of a body that cannot be read as what is asked for: 400."""
    return RequestError(400, error, allowed=allowed, remedy=remedy)


def too_large(error: str, *, allowed: str, remedy: str) -> RequestError:
    """Of a request over a limit: 413."""
    return RequestError(413, error, allowed=allowed, remedy=remedy)


def overloaded(error: str, *, retry_seconds: int) -> RequestError:
    """Of a request that came while there is no room for it: 503."""
    return RequestError(
        503,
        error,
        allowed="as many requests as the service has time and room for",
        remedy=f"ask again after {retry_seconds} s",
        retry_seconds=retry_seconds,
    )
