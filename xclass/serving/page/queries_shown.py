"""An example of the data as people read it, and as the body of a request to /predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xclass.data.base import Inputs, SparseRows, Texts, slice_inputs

_SHOWN_NUMBERS = 6


def text_of(inputs: Inputs, at: int) -> str | None:
    """Text ``at`` of texts; None of anything else. Text from the data, which may be hostile."""
    if not isinstance(inputs, Texts):
        return None
    return slice_inputs(inputs, at, at + 1).bytes_.tobytes().decode(errors="replace")  # type: ignore[union-attr]


def words_of(inputs: Inputs, at: int) -> str:
    """A text as it is; of a vector or a sparse row how large it is and its first numbers."""
    if (text := text_of(inputs, at)) is not None:
        return text
    one = slice_inputs(inputs, at, at + 1)
    if isinstance(one, SparseRows):
        pairs = zip(one.columns.tolist(), one.values.tolist(), strict=True)
        shown = [f"{column}:{value:.3g}" for column, value in list(pairs)[:_SHOWN_NUMBERS]]
        return _shortened(f"{len(one.columns)} features", shown, len(one.columns))
    assert isinstance(one, np.ndarray)
    shown = [f"{value:.3g}" for value in one[0, :_SHOWN_NUMBERS].tolist()]
    return _shortened(f"{one.shape[1]} numbers", shown, one.shape[1])


def body_of(inputs: Inputs, at: int, contexts: Sequence[str]) -> dict[str, Any]:
    """What /predict takes for example ``at``.

    Args:
        inputs: examples.
        at: which of them.
        contexts: names of the contexts of texts; empty where the model has none.
    """
    one = slice_inputs(inputs, at, at + 1)
    if isinstance(one, Texts):
        body: dict[str, Any] = {"text": text_of(one, 0)}
        number = int(one.contexts[0])
        return body | ({"context": contexts[number]} if number < len(contexts) else {})
    if isinstance(one, SparseRows):
        return {"row": {"columns": one.columns.tolist(), "values": one.values.tolist()}}
    return {"vector": one[0].tolist()}


def _shortened(what: str, shown: list[str], total: int) -> str:
    return f"{what}: {', '.join(shown)}{', ...' if total > len(shown) else ''}"
