"""What a record warns of: reasons to believe its accuracies less, each with its count and examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class CautionKind(StrEnum):
    """What was found; the order is that of a report, the gravest first."""

    ABOVE_BAYES = "above_bayes"
    """More right answers than the best possible classifier would give."""
    COPIES = "copies"
    """Queries that are training examples as well."""
    NEAR_COPIES = "near_copies"
    """Queries that are almost training examples."""
    FEW_QUERIES = "few_queries"
    """Too few queries for the digits that one would like to claim."""
    CLASSES_WITHOUT_QUERIES = "classes_without_queries"
    """Classes that no held-out example is of."""


@dataclass(kw_only=True, slots=True)
class Caution:
    """One of them."""

    kind: CautionKind
    words: str
    """A sentence or three: what was found, what it means, what to do."""
    num_found: int
    """Queries, or classes, that it is true of."""
    num_checked: int
    """Queries, or classes, that were looked at."""
    examples: list[str] = field(default_factory=list)
    """At most three, one line each: text from the data, which may be hostile."""


def read_cautions(documents: Sequence[dict[str, Any]]) -> list[Caution]:
    """Read JSON objects back.

    Raises:
        TypeError: a key is missing or unknown.
        ValueError: a kind that this xclass does not know.
    """
    return [Caution(**{**document, "kind": CautionKind(document["kind"])}) for document in documents]
