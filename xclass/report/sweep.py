"""How memory grows from run to run, in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xclass.records.record import Phase, Verdict
from xclass.report.disturbed import time_text
from xclass.report.explain import ACCURACY_CAVEAT
from xclass.report.markdown import verdict_label
from xclass.report.page.document import Section
from xclass.report.rows import Row, shown_variant
from xclass.report.text import code, escape, link, share_with_interval, table
from xclass.units import format_bytes, format_count


def sweep_sections(
    runs: Iterable[tuple[str, Sequence[Row]]], *, damaged: Sequence[str] = (), has_links: bool = True
) -> list[Section]:
    """All runs in one table, and what was not measured in any of them.

    Args:
        runs: (label, rows of its summary, each with its ``variant``).
        damaged: reasons of the record files that could not be read.
        has_links: labels are folders relative to the report, and become links.
    """
    lines = [
        (row, label, by_phase)
        for label, own in runs
        for by_phase in _by_method(own)
        for row in [next(iter(by_phase.values()))]
    ]
    lines.sort(key=lambda line: (line[0]["classes"], line[1], line[0]["phase"] != Phase.PREPARE))
    headers = ["classes", "run", "data", "dim", "variant", *(f"{phase}: peak - base" for phase in Phase)]
    headers += [
        "right at first place (95 % interval)",
        *(f"{phase}: time" for phase in (Phase.TRAIN, Phase.SERVE)),
    ]
    body = [_cells(row, label, by_phase, has_links) for row, label, by_phase in lines]
    intro = (
        "Every number is measured; bytes are the peak resident memory of a phase minus the base of its "
        f"engine, so that only what grows with the data is compared. {ACCURACY_CAVEAT}"
    )
    all_runs = (
        table(headers, body, num_text_columns=5) if body else "No run left a record that could be read."
    )
    left_out = [*_causes(lines), *(f"- Not readable: {escape(reason)}" for reason in damaged)]
    return [
        Section(title="All runs", body=f"{intro}\n\n{all_runs}"),
        Section(title="Left out, refused or failed", body="\n".join(left_out)),
    ]


def _by_method(merged: Sequence[Row]) -> list[dict[str, Row]]:
    methods: dict[str, dict[str, Row]] = {}
    for row in merged:
        # The prepare phase belongs to the data set: apart, even if a method had the data set's name.
        key = "prepare" if row["phase"] == Phase.PREPARE else f"method {row['method']}"
        methods.setdefault(key, {})[row["phase"]] = row
    return list(methods.values())


def _cells(row: Row, label: str, by_phase: dict[str, Row], has_links: bool) -> list[str]:
    answered = next((r for r in by_phase.values() if r["accuracy_at_1"] is not None), None)
    accuracy = "-"
    if answered:
        share, low, high = share_with_interval(
            answered["accuracy_at_1"], answered["accuracy_low"], answered["accuracy_high"]
        )
        accuracy = f"{share} % ({low} to {high})"
    return [
        format_count(row["classes"]),
        link(label, f"{label}/report.md") if has_links else code(label),
        code(row["data"]),
        str(row["dim"]),
        code(shown_variant(row)),
        *(_peak(by_phase.get(phase)) for phase in Phase),
        accuracy,
        *(
            time_text(by_phase.get(phase) or {"seconds": None}, "seconds")
            for phase in (Phase.TRAIN, Phase.SERVE)
        ),
    ]


def _peak(row: Row | None) -> str:
    if row is None:
        return "-"
    if row["verdict"] != Verdict.MEASURED:
        return verdict_label(row["verdict"])
    return format_bytes(row["peak_over_base_bytes"])


def _causes(lines: Sequence[tuple[Row, str, dict[str, Row]]]) -> list[str]:
    return [
        f"- {code(label)}, {code(row['variant'])} {row['phase']}: **{verdict_label(row['verdict'])}:** "
        f"{escape(row['cause'] or 'no cause was recorded')}"
        for _, label, by_phase in lines
        for row in by_phase.values()
        if row["verdict"] != Verdict.MEASURED
    ]
