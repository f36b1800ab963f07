"""What to be careful with, from the records: for the page and report.md, and one line each for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xclass.records.cautions import Caution, CautionKind
from xclass.records.record import Phase, Record
from xclass.report.text import clean, code, escape
from xclass.units import format_count, format_seconds

CAUTIONS = "Cautions"
"""Title of the section."""
_NAMES = {
    CautionKind.ABOVE_BAYES: "too good to be true",
    CautionKind.COPIES: "copies in the training data",
    CautionKind.NEAR_COPIES: "near copies in the training data",
    CautionKind.FEW_QUERIES: "few queries",
    CautionKind.CLASSES_WITHOUT_QUERIES: "classes without queries",
}
_ORDER = list(CautionKind)
_NOTHING = "Nothing was found that would make these accuracies doubtful."


@dataclass(frozen=True, kw_only=True, slots=True)
class Warned:
    """A caution and where it was found."""

    caution: Caution
    run: str
    """Label of the run; empty for one that stands alone."""
    method: str
    """Whose accuracy it is about; empty where it is about all."""
    num_alike: int
    """Further runs on the same data that say the like."""

    @property
    def place(self) -> str:
        """Of what, in Markdown; empty for all methods of a run that stands alone."""
        parts = [code(self.method)] if self.method else []
        return ", ".join([*parts, f"run {code(self.run)}"] if self.run else parts)


def find_warned(runs: Sequence[tuple[str, Sequence[Record]]]) -> list[Warned]:
    """Cautions of some runs, the gravest first; of each kind, data set and method that of the first run."""
    found: dict[tuple[str, str, str], list[tuple[str, Caution]]] = {}
    for label, records in runs:
        for record in records:
            method = "" if record.phase is Phase.PREPARE else record.method
            for caution in record.cautions:
                found.setdefault((caution.kind, record.data, method), []).append((label, caution))
    warned = [
        Warned(caution=alike[0][1], run=alike[0][0], method=method, num_alike=len(alike) - 1)
        for (_, _, method), alike in found.items()
    ]
    return sorted(warned, key=lambda one: _ORDER.index(one.caution.kind))


def cautions_section(runs: Sequence[tuple[str, Sequence[Record]]]) -> str:
    """Each caution with its examples, and how far copies were searched; empty where no run has looked.

    Args:
        runs: (label, records), the most important one first.
    """
    searches: dict[str, str] = {}
    for label, records in runs:
        for record in records:
            if said := _search(label, record):
                searches.setdefault(record.data, said)
    warned = find_warned(runs)
    if not searches and not warned:
        return ""
    found = "\n".join(_item(one) for one in warned)
    return "\n\n".join([found or _NOTHING, *searches.values()])


def caution_lines(runs: Sequence[tuple[str, Sequence[Record]]]) -> list[str]:
    """One line each, for a terminal: what was found, without what to do."""
    return [
        f"caution: {', '.join([*filter(None, [clean(one.run), clean(one.method)]), ''])}"
        f"{_NAMES[one.caution.kind]}: {_first_sentence(one.caution.words)}"
        for one in find_warned(runs)
    ]


def _first_sentence(words: str) -> str:
    first, stop, _ = clean(words).partition(". ")
    return first + stop.strip()


def caution_pointer(runs: Sequence[tuple[str, Sequence[Record]]]) -> str:
    """A sentence for the opening of a page: what kinds of cautions stand below; empty for none."""
    kinds = dict.fromkeys(_NAMES[one.caution.kind] + _extent(one.caution) for one in find_warned(runs))
    return f"**Before you rely on these accuracies** (see {CAUTIONS}): {', '.join(kinds)}." if kinds else ""


def _extent(caution: Caution) -> str:
    """Of how many of those that were looked at it is true; empty where it is of all."""
    if caution.num_found >= caution.num_checked or caution.kind is CautionKind.ABOVE_BAYES:
        return ""
    what = "classes" if caution.kind is CautionKind.CLASSES_WITHOUT_QUERIES else "queries"
    return f" ({100 * caution.num_found / caution.num_checked:.2g} % of the {what})"


def _item(one: Warned) -> str:
    place = f" ({one.place})" if one.place else ""
    text = f"- **{_NAMES[one.caution.kind].capitalize()}**{place}: {escape(one.caution.words)}"
    if one.caution.examples:
        text += f" For example: {'; '.join(escape(example) for example in one.caution.examples)}."
    if not one.num_alike:
        return text
    return f"{text} The like in {one.num_alike} other run{'s' if one.num_alike > 1 else ''} on this data."


def _search(label: str, record: Record) -> str:
    """How far training examples were searched for copies of queries; empty for what is no such record."""
    place = f" (run {code(label)})" if label else ""
    if failure := record.details.get("cautions_failure"):
        return f"What makes accuracies doubtful was not looked for{place}: {escape(failure)}."
    leakage = record.details.get("leakage")
    if not leakage:
        return ""
    if leakage.get("left_out"):
        return f"Copies of queries were not searched for{place}: {escape(leakage['left_out'])}."
    return (
        f"Copies of {format_count(leakage.get('num_queries'))} queries were searched for{place} among "
        f"{format_count(leakage.get('num_examples_seen'))} of {format_count(leakage.get('num_examples'))} "
        f"training examples, in {format_seconds(leakage.get('seconds'))} after the measurement "
        "(`evaluate.leakage_seconds`)."
    )
