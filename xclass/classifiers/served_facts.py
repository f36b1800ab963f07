"""What answering needs to know of a model besides its own files: the file ``served.json`` in its folder.

Written when a model was saved, so that a folder that is copied alone to another machine can be served.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from xclass.encoders.config import ENCODER_JSON
from xclass.encoders.kinds import EncoderKind, InputKind
from xclass.errors import ModelError
from xclass.json_object import read_json_object

SERVED_JSON = "served.json"
FORMAT_VERSION = 1

_INPUTS = {
    EncoderKind.ngrams: InputKind.texts,
    EncoderKind.static: InputKind.texts,
    EncoderKind.sentence: InputKind.texts,
    EncoderKind.identity: InputKind.vectors,
    EncoderKind.projection: InputKind.rows,
}
"""Of encoders that take one kind only."""


class Posterior(StrEnum):
    """What the scores of a model are to probabilities of all classes, which sum to 1."""

    none = "none"
    """Nothing: similarities, votes, margins, or scores of each class on its own."""
    softmax = "softmax"
    """Exponents: each is divided by the sum over all classes."""
    log = "log"
    """Their logarithms."""
    share = "share"
    """They are probabilities."""


_OF_KIND = {"adaptive": Posterior.log, "tree": Posterior.log, "prior": Posterior.share}
"""Of kinds of model whose scores are what they are whatever was asked for."""


def posterior_of(kind: str, *, is_softmax: bool) -> Posterior:
    """Of a model of this ``kind`` in its manifest; ``is_softmax`` as in :class:`ServedFacts`."""
    if kind == "linear" and is_softmax:
        return Posterior.softmax
    return _OF_KIND.get(kind, Posterior.none)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedFacts:
    """What a query is, and who learnt.

    Attributes:
        method: that fitted the model.
        inputs: what one query is.
        num_features: M, columns of sparse rows; 0 of other inputs.
        contexts: names of the contexts of texts (for lemmas: languages), by their number; empty where there
            are none.
        is_softmax: whether it was trained to be a softmax over all classes.
    """

    method: str
    inputs: InputKind
    num_features: int = 0
    contexts: tuple[str, ...] = ()
    is_softmax: bool = False

    def save(self, folder: Path) -> None:
        """Write ``served.json``."""
        document = {"format_version": FORMAT_VERSION, **asdict(self)}
        (folder / SERVED_JSON).write_text(json.dumps(document, indent=1), encoding="utf-8")


def open_served_facts(folder: Path) -> ServedFacts:
    """Read ``served.json``; of a model that has none, what its encoder says.

    Raises:
        ModelError: the file is damaged, or there is none and the encoder does not say what a query is.
    """
    path = folder / SERVED_JSON
    if not path.exists():
        return _of_encoder(folder)
    try:
        document = read_json_object(path)
        if document.pop("format_version") != FORMAT_VERSION:
            raise ValueError("another format_version")
        return _checked(ServedFacts(**document))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: not what answering needs to know of a model ({error}); fit the model again"
        ) from error


def _checked(facts: ServedFacts) -> ServedFacts:
    contexts = facts.contexts
    is_known = isinstance(contexts, list) and all(isinstance(name, str) for name in contexts)
    is_count = isinstance(facts.num_features, int) and 0 <= facts.num_features < 1 << 31
    if not (is_known and is_count and isinstance(facts.method, str) and isinstance(facts.is_softmax, bool)):
        raise ValueError("a value of the wrong kind")
    return ServedFacts(
        method=facts.method,
        inputs=InputKind(facts.inputs),
        num_features=facts.num_features,
        contexts=tuple(contexts),
        is_softmax=facts.is_softmax,
    )


def _of_encoder(folder: Path) -> ServedFacts:
    path = folder / ENCODER_JSON
    try:
        document = read_json_object(path)
        kind, num_features = document["kind"], int(document.get("num_features", 0))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a saved encoder ({error}); save it again") from error
    if kind not in _INPUTS:
        raise ModelError(
            f"{folder}: no {SERVED_JSON}, and its encoder ({kind}) takes more than one kind of query; "
            f'fit the model again, or write {{"format_version": 1, "method": "", "inputs": "texts"}} there '
            f"and seal it: python -m xclass.seal {folder} new=true"
        )
    return ServedFacts(method="", inputs=_INPUTS[EncoderKind(kind)], num_features=num_features)
