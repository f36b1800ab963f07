"""Cautions in words: what was found, what it means for an accuracy, what to do. Standard library only."""

from __future__ import annotations

from xclass.evaluate.intervals import wilson
from xclass.records.cautions import Caution, CautionKind
from xclass.units import format_count

_MOST_POINTS = 2.5
"""Half a 95 % interval at an accuracy of 50 %: what 1533 queries give. Wider ones rank hardly anything."""
_MOST_CHARACTERS = 60


def copies(
    *,
    is_exact: bool,
    is_text: bool,
    num_same: int,
    num_other: int,
    num_queries: int,
    seen: tuple[int, int],
    examples: list[str],
) -> Caution:
    """Queries that are, or nearly are, training examples.

    Args:
        is_exact: equal, or nearly.
        is_text: else vectors or sparse rows.
        num_same: queries with such an example of the same class.
        num_other: those whose only such examples are of other classes.
        num_queries: looked at.
        seen: training examples looked through, and all.
        examples: a few pairs.
    """
    num_found = num_same + num_other
    part = _part(num_found, num_queries, "queries")
    words = {
        (True, True): f"The training texts hold {part}, letter case and spaces aside",
        (True, False): f"The training examples hold {part} to the last bit",
        (False, True): f"Training texts share at least 80 % of their n-grams with {part}",
        (False, False): f"Training examples lie within a quarter of the usual distance of {part}",
    }[is_exact, is_text]
    # Of an accuracy a with a share s by heart, the rest has (a - s) / (1 - s), which is at least a - s.
    by_heart = (
        f"answered by heart: an accuracy may be up to {100 * num_same / num_queries:.2g} points too high"
    )
    same = by_heart if is_exact else "easier than inputs that are new"
    other = "nobody can tell the classes apart" if is_exact else "hard to tell apart"
    parts = [f"{format_count(num_same)} under the same class ({same})"] if num_same else []
    parts += [f"{format_count(num_other)} under other classes only ({other})"] if num_other else []
    words += f": {'; '.join(parts)}."
    if seen[0] < seen[1]:
        words += (
            f" At least so many: {format_count(seen[0])} of {format_count(seen[1])} training examples were "
        )
        words += "looked through; a higher evaluate.leakage_seconds looks further."
    kind = CautionKind.COPIES if is_exact else CautionKind.NEAR_COPIES
    return Caution(kind=kind, words=words, num_found=num_found, num_checked=num_queries, examples=examples)


def few_queries(num_queries: int, *, num_existing: int | None) -> list[Caution]:
    """A test set too small for the digits that one would like to claim.

    Args:
        num_queries: that are asked.
        num_existing: held-out examples; None: any number.
    """
    low, high = wilson(num_queries // 2, num_queries)
    points = (high - low) * 50
    if points <= _MOST_POINTS:
        return []
    has_more = num_existing is None or num_existing > num_queries
    remedy = "raise evaluate.num_queries" if has_more else "there are no more held-out examples"
    words = (
        f"With {format_count(num_queries)} queries an accuracy near 50 % is known to about {points:.2g} "
        f"points up and down: methods that lie closer are not ranked; {remedy}."
    )
    return [
        Caution(kind=CautionKind.FEW_QUERIES, words=words, num_found=num_queries, num_checked=num_queries)
    ]


def unasked(num_unasked: int, num_classes: int, examples: list[str]) -> Caution:
    """Classes without a held-out example."""
    words = (
        f"No held-out example is of {_part(num_unasked, num_classes, 'classes')}: that they are "
        "answered as well as the others is an assumption."
    )
    return Caution(
        kind=CautionKind.CLASSES_WITHOUT_QUERIES,
        words=words,
        num_found=num_unasked,
        num_checked=num_classes,
        examples=examples,
    )


def quoted(text: str) -> str:
    """A text from the data, cut to what fits into a line."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= _MOST_CHARACTERS else f'{line[: _MOST_CHARACTERS - 3]}...'}”"


def _part(num_found: int, num_all: int, what: str) -> str:
    share = f" ({100 * num_found / num_all:.2g} %)" if num_found < num_all else ""
    return f"{format_count(num_found)} of {format_count(num_all)} {what}{share}"
