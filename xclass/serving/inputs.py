"""Values of a JSON body -> inputs of one kind, each checked before it takes memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xclass.data.base import FloatArray, Inputs, SparseRows, Texts
from xclass.encoders.kinds import InputKind
from xclass.serving.queries import starts_of
from xclass.serving.refusals import bad, too_large

_SHOWN_CHARS = 60
_MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputReader:
    """Reads the queries that one model takes.

    Attributes:
        kind: what a query is.
        dim: D of vectors.
        num_features: M of sparse rows.
        contexts: names of the contexts of texts; empty where there are none.
        max_chars: of one text.
    """

    kind: InputKind
    dim: int
    num_features: int
    contexts: tuple[str, ...]
    max_chars: int

    def read(self, items: list[Any], contexts: Any) -> Inputs:
        """Queries as an encoder takes them.

        Args:
            items: one value per query, as JSON had it.
            contexts: of the texts: a list of names, or None.

        Raises:
            RequestError: naming the query and what is wrong with it.
        """
        if self.kind is InputKind.texts:
            return self._texts(items, contexts)
        if self.kind is InputKind.rows:
            return self._rows(items)
        for at, vector in enumerate(items):
            if not isinstance(vector, list) or len(vector) != self.dim:
                size = f"of {len(vector)} numbers" if isinstance(vector, list) else "that is no list"
                raise bad(f"vector {at} {size}", allowed=f"lists of {self.dim} numbers")
            _check_numbers(vector, f"vector {at}")
        return self.check_vectors(np.array(items, np.float64).astype(np.float32))

    def check_vectors(self, vectors_BD: FloatArray) -> FloatArray:
        """The same, if it is what the model takes.

        Raises:
            RequestError: other dimensions, or a number that is not finite.
        """
        if vectors_BD.shape[1] != self.dim:
            raise bad(f"vectors of {vectors_BD.shape[1]} numbers", allowed=f"{self.dim} numbers each")
        is_finite_B = np.isfinite(vectors_BD).all(axis=1)
        if not is_finite_B.all():
            raise bad(f"vector {int(np.argmin(is_finite_B))} with a number that is not finite",
                      allowed="finite numbers of float32")  # fmt: skip
        return vectors_BD

    def example(self) -> Any:
        """One query of this kind, as JSON has it."""
        if self.kind is InputKind.texts:
            return "some text"
        if self.kind is InputKind.rows:
            return {"columns": [0], "values": [0.5]}
        return [0.5] * self.dim

    def _texts(self, items: list[Any], contexts: Any) -> Texts:
        pieces = []
        for at, text in enumerate(items):
            if not isinstance(text, str):
                raise bad(f"text {at} is no string", allowed="strings")
            if not text:
                raise bad(f"text {at} is empty", allowed=f"1 to {self.max_chars} characters")
            if len(text) > self.max_chars:
                raise too_large(
                    f"text {at} of {len(text)} characters",
                    allowed=f"1 to {self.max_chars}",
                    remedy="shorten it, or start the service with a larger max_chars=",
                )
            try:
                pieces.append(text.encode("utf-8"))
            except UnicodeEncodeError as error:
                raise bad(f"text {at} with half of a surrogate pair", allowed="text of Unicode") from error
        return Texts(
            bytes_=np.frombuffer(b"".join(pieces), np.uint8),
            offsets=starts_of([len(piece) for piece in pieces]),
            contexts=np.array(self._contexts(contexts, len(items)), np.uint32),
        )

    def _contexts(self, contexts: Any, num_texts: int) -> list[int]:
        if not self.contexts:
            return [0] * num_texts
        shown = ", ".join(self.contexts[:60])
        if not isinstance(contexts, list) or contexts == [None]:
            raise bad("texts without context", allowed=shown,
                      remedy='add "context": NAME, or "contexts": a list of one name per text')  # fmt: skip
        if len(contexts) != num_texts:
            raise bad(f"{len(contexts)} contexts of {num_texts} texts", allowed="one per text")
        numbers = {name: number for number, name in enumerate(self.contexts)}
        for name in contexts:
            if not isinstance(name, str) or name not in numbers:
                raise bad(f"context {describe(name)}", allowed=shown)
        return [numbers[name] for name in contexts]

    def _rows(self, items: list[Any]) -> SparseRows:
        columns, values, sizes = [], [], []
        for at, row in enumerate(items):
            own_columns, own_values = self._row(at, row)
            order = np.argsort(own_columns)
            columns.append(own_columns[order])
            values.append(own_values[order])
            sizes.append(len(order))
        return SparseRows(
            starts=starts_of(sizes),
            columns=np.concatenate(columns),
            values=np.concatenate(values),
            num_columns=self.num_features,
        )

    def _row(self, at: int, row: Any) -> tuple[Any, FloatArray]:
        shape = '{"columns": [whole numbers], "values": [as many numbers]}'
        if not isinstance(row, dict) or set(row) != {"columns", "values"}:
            raise bad(f"row {at} of another form", allowed=shape)
        columns, values = row["columns"], row["values"]
        if not isinstance(columns, list) or not isinstance(values, list) or len(columns) != len(values):
            raise bad(f"row {at} whose columns and values are not two lists of one length", allowed=shape)
        limit = self.num_features
        if not set(map(type, columns)) <= {int} or any(not 0 <= column < limit for column in columns):
            raise bad(f"row {at} with a column that does not exist", allowed=f"0 to {limit - 1}")
        if len(set(columns)) != len(columns):
            raise bad(f"row {at} with a column twice", allowed="each column at most once")
        _check_numbers(values, f"row {at}")
        return np.array(columns, np.int32), np.array(values, np.float64).astype(np.float32)


def describe(value: Any, *, quoted: bool = True) -> str:
    """A part of a request, short and on one line whatever it holds."""
    text = repr(value) if quoted or not str(value).isprintable() else str(value)
    text = ascii(text)[1:-1] if not text.isprintable() else text
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _check_numbers(values: list[Any], where: str) -> None:
    """Numbers of JSON that float32 can hold; true and false are none."""
    if not set(map(type, values)) <= {int, float}:
        raise bad(f"{where} with what is no number", allowed="numbers")
    # Whole numbers of JSON have any length: too large a one for a double raises in numpy.
    if any(not -_MAX_FLOAT32 <= value <= _MAX_FLOAT32 for value in values):
        raise bad(f"{where} with a number that float32 cannot hold", allowed="finite numbers of float32")
