"""Bodies of /predict -> queries: JSON, or a matrix in .npy; what is not as it must be is refused in words.

Nothing is unpickled: of a .npy body the header is read before any number is, and its array must fill the
body to the byte.
"""

from __future__ import annotations

import io
import json
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from xclass.data.base import FloatArray, Inputs
from xclass.encoders.kinds import InputKind
from xclass.serving.inputs import InputReader, describe
from xclass.serving.queries import Ask
from xclass.serving.refusals import RequestError, bad, too_large
from xclass.serving.settings import ServeSettings

JSON_TYPE = "application/json"
NPY_TYPES = ("application/x-npy", "application/octet-stream")

_KEYS = {
    InputKind.texts: ("text", "texts"),
    InputKind.vectors: ("vector", "vectors"),
    InputKind.rows: ("row", "rows"),
}
"""One query, and a list of them."""
_CONTEXTS = ("context", "contexts")
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_MAX_HEADER_BYTES = 4096
DEFAULT_K = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyReader:
    """Reads bodies for one model."""

    inputs: InputReader
    settings: ServeSettings
    num_classes: int

    def read(self, content_type: str, body: bytes, parameters: Mapping[str, str]) -> Ask:
        """One request.

        Args:
            content_type: of the request, without its parameters.
            body: whole.
            parameters: of the address; ``k`` and ``probability`` of a .npy body.

        Raises:
            RequestError: 400, 413 or 415, and why.

        Memory: of JSON up to 40 times its bytes while it is read, then 4 bytes per number.
        """
        if content_type == JSON_TYPE:
            if parameters:
                raise bad(f"parameters in the address: {describe(', '.join(parameters))}",
                          allowed="none with a JSON body", remedy="write them into the body")  # fmt: skip
            return self._read_json(body)
        if content_type in NPY_TYPES:
            return self._read_npy(body, parameters)
        raise RequestError(
            415,
            f"content-type {describe(content_type)}",
            allowed=f"{JSON_TYPE}, or {' or '.join(NPY_TYPES)} for vectors",
            remedy=f"send the header content-type: {JSON_TYPE}",
        )

    def example(self) -> dict[str, Any]:
        """A body that would be answered, for GET /."""
        one, _ = _KEYS[self.inputs.kind]
        document = {one: self.inputs.example(), "k": min(DEFAULT_K, self.num_classes), "probability": True}
        if self.inputs.contexts:
            document["context"] = self.inputs.contexts[0]
        return document

    def _read_json(self, body: bytes) -> Ask:
        document = _parse_json(body)
        one, many = _KEYS[self.inputs.kind]
        known = [one, many, "k", "probability", *(_CONTEXTS if self.inputs.contexts else ())]
        for key in document:
            if key not in known:
                raise bad(f"key {describe(key)}", allowed=", ".join(known))
        if (one in document) == (many in document):
            raise bad(f"{'both' if one in document else 'neither'} {one} and {many}",
                      allowed=f"one of {one} and {many}: this model takes {self.inputs.kind}")  # fmt: skip
        if one in document:
            items, contexts = [document[one]], self._contexts(document, *_CONTEXTS)
        else:
            items, contexts = document[many], self._contexts(document, *reversed(_CONTEXTS))
        if not isinstance(items, list) or not items:
            raise bad(f"{many} is {_kind(items)}", allowed=f"a list of 1 to {self.settings.max_batch}")
        self._check_number(len(items))
        return self._ask(
            self.inputs.read(items, contexts), document.get("k"), document.get("probability", False)
        )

    def _contexts(self, document: dict[str, Any], own: str, other: str) -> Any:
        """Of one text or of each."""
        if other in document:
            raise bad(f"key {other}", allowed=f"{own} here")
        contexts = document.get(own)
        return [contexts] if own == _CONTEXTS[0] else contexts

    def _read_npy(self, body: bytes, parameters: Mapping[str, str]) -> Ask:
        if self.inputs.kind is not InputKind.vectors:
            raise bad("a .npy body", allowed=f"JSON: this model takes {self.inputs.kind}")
        for name in parameters:
            if name not in ("k", "probability"):
                raise bad(f"parameter {describe(name)}", allowed="k and probability")
        k, probability = parameters.get("k"), parameters.get("probability", "false")
        if k is not None and not (k.isascii() and k.isdecimal() and len(k) < 10):
            raise bad(f"k={describe(k)}", allowed=self._allowed_k())
        if probability not in ("true", "false"):
            raise bad(f"probability={describe(probability)}", allowed="true or false")
        vectors_BD = read_npy(body)
        self._check_number(len(vectors_BD))
        inputs = self.inputs.check_vectors(vectors_BD)
        return self._ask(inputs, None if k is None else int(k), probability == "true")

    def _check_number(self, num_queries: int) -> None:
        if num_queries > self.settings.max_batch:
            raise too_large(
                f"{num_queries} queries in one request",
                allowed=f"1 to {self.settings.max_batch}",
                remedy="send several requests, or start the service with a larger max_batch=",
            )

    def _ask(self, inputs: Inputs, k: Any, wants_probability: Any) -> Ask:
        k = min(DEFAULT_K, self._most_k()) if k is None else k
        if type(k) is not int or not 1 <= k <= self._most_k():
            raise bad(f"k={describe(k)}", allowed=self._allowed_k())
        if type(wants_probability) is not bool:
            raise bad(f"probability={describe(wants_probability)}", allowed="true or false")
        return Ask(inputs=inputs, k=k, wants_probability=wants_probability)

    def _most_k(self) -> int:
        return min(self.settings.max_k, self.num_classes)

    def _allowed_k(self) -> str:
        return f"a whole number, 1 to {self._most_k()}"


def read_npy(body: bytes) -> FloatArray:
    """A matrix of float16, float32 or float64 in C order, as float32; float32 is not copied.

    Args:
        body: a whole .npy file.

    Raises:
        RequestError: 400; the header is read, and held against the length of the body, before any number is.
    """
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        header = _HEADER_READERS[version](file, max_header_size=_MAX_HEADER_BYTES)
        shape, is_fortran, dtype = header
    except (ValueError, KeyError, TypeError, SyntaxError, EOFError, OverflowError, RecursionError,
            MemoryError, UnicodeError, tokenize.TokenError) as error:  # fmt: skip
        raise bad("a .npy body whose header cannot be read", allowed="what numpy.save wrote",
                  remedy="numpy.save(file, matrix.astype('<f4'))") from error  # fmt: skip
    start = file.tell()
    if dtype.kind != "f" or dtype.itemsize > 8 or (is_fortran and len(shape) > 1):
        order = " in Fortran order" if is_fortran else ""
        raise bad(
            f"an array of {describe(dtype.str)}{order}",
            allowed="float16, float32 or float64, row by row",
            remedy="numpy.save(file, numpy.ascontiguousarray(matrix, '<f4'))",
        )
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] * dtype.itemsize != len(body) - start:
        raise bad(f"an array of shape {describe(shape)} in {len(body) - start} bytes",
                  allowed="a row per query, each at least one, and exactly their bytes")  # fmt: skip
    matrix = np.frombuffer(body, dtype, offset=start).reshape(shape)
    with np.errstate(over="ignore"):  # infinite then, which is refused
        return np.ascontiguousarray(matrix, dtype=np.float32)


def unique_parameters(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Parameters of an address.

    Raises:
        RequestError: one stands there twice.
    """
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise bad("a parameter twice in the address", allowed="each once")
    return parameters


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
        )
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError | _JsonError) else "not readable"
        raise bad(f"a body that is no JSON: {describe(reason, quoted=False)}",
                  allowed="one JSON object in UTF-8") from error  # fmt: skip
    if not isinstance(document, dict):
        raise bad(f"a body that is {_kind(document)}", allowed="one JSON object in UTF-8")
    return document


class _JsonError(ValueError):
    """What json itself lets pass."""


def _refuse_constant(name: str) -> NoReturn:
    raise _JsonError(f"{name} is no number of JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise _JsonError("a key stands there twice")
    return document


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    if value == []:
        return "an empty list"
    return names.get(type(value), "a number")
