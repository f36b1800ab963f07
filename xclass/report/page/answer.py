"""The sentences that open a page: which method, how accurate, on which server, and how that is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from xclass.projection.result import ProjectedPhase
from xclass.records.record import Phase
from xclass.report.advice import advice_text
from xclass.report.explain import ACCURACY_CAVEAT
from xclass.report.page.projection_section import interval_text
from xclass.report.page.servers_section import choice_of, month_text, server_text
from xclass.report.page.study import PURPOSES, Study
from xclass.report.rows import Row
from xclass.report.verdict import verdict_text
from xclass.sizing.choice import Choice
from xclass.units import format_bytes, format_count

_VERBS = {Phase.TRAIN: "train", Phase.BUILD: "build", Phase.SERVE: "serve"}


def answer(rows: Sequence[Row], study: Study | None, *, within_points: float = 1.0) -> str:
    """What the reader asked.

    Args:
        rows: that compare methods at one size of each data set, together, each with its ``variant``.
        study: what else is known; None leaves out server, price and larger sizes.
        within_points: how far the accuracy of what is advised may lie below the best.
    """
    # Shares of right answers to the queries of different data do not compare.
    parts = [advice_text(rows, within_points=within_points, choices=_choices(study))]
    parts += [verdict_text(list(group)) for _, group in groupby(rows, key=lambda row: str(row["data"]))]
    variant = best_variant(rows)
    if study is not None and variant in study.configs:
        parts.append(_rent(study, study.measured[variant]))
        asked = study.asked[variant]
        if not isinstance(asked, str):
            parts.append(_projected(study, asked))
    if any(row["accuracy_at_1"] is not None for row in rows):
        parts.append(ACCURACY_CAVEAT)
    return "\n\n".join(part for part in parts if part)


def _choices(study: Study | None) -> dict[str, Choice]:
    """Variant -> server that its serve phase needs at the largest measured size."""
    if study is None:
        return {}
    return {
        variant: choice_of(study.hardware, phase)
        for variant, phases in study.measured.items()
        for phase in phases
        if phase.phase == Phase.SERVE
    }


def best_variant(rows: Sequence[Row]) -> str | None:
    """That which was right most often of the first data set; None where nothing answered."""
    answered = [row for row in rows if row["accuracy_at_1"] is not None and row["data"] == rows[0]["data"]]
    return max(answered, key=lambda row: float(row["accuracy_at_1"]))["variant"] if answered else None


def _rent(study: Study, phases: Sequence[ProjectedPhase]) -> str:
    return f"**To rent at that size:** {_servers(study, phases)}."


def _projected(study: Study, phases: Sequence[ProjectedPhase]) -> str:
    """The size that was asked about, and how far it lies beyond what was measured."""
    chosen = [phase for phase in phases if phase.phase in PURPOSES]
    first = chosen[0]
    needs = ", ".join(
        f"{format_bytes(phase.peak.value)} to {_VERBS[phase.phase]} ({interval_text(phase)})"
        for phase in chosen
    )
    reach = max(phase.extrapolation for phase in chosen)
    refusal = next((phase.refusal for phase in phases if phase.refusal), None)
    far = ", far beyond what was measured" if any(phase.is_marked for phase in chosen) else ""
    return (
        f"**At {format_count(first.classes)} classes and {first.dim} dimensions** ({first.basis}), "
        f"{reach:.3g} times the largest that was measured{far}: {needs}; {_servers(study, phases)}."
        + (f" **It would not be started there**: it {refusal}." if refusal else "")
    )


def _servers(study: Study, phases: Sequence[ProjectedPhase]) -> str:
    verbs: dict[str, list[str]] = {}
    for phase in phases:
        if phase.phase in PURPOSES:
            choice = choice_of(study.hardware, phase)
            price = "" if choice.usd_per_month is None else f" for {month_text(choice)}"
            verbs.setdefault(f"{server_text(choice)}{price}", []).append(_VERBS[phase.phase])
    return ", ".join(f"{server} to {' and to '.join(purposes)}" for server, purposes in verbs.items())
