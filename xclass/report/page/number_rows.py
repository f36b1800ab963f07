"""The rows of numbers.csv: what was measured, then what is projected, each with its basis."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.projection.result import Basis, ProjectedPhase
from xclass.report.page.sources import RunRecords
from xclass.report.page.study import Study
from xclass.report.rows import Row


def number_rows(runs: Sequence[RunRecords], study: Study) -> list[Row]:
    """Rows of summary.json with run, variant and basis, and below them every point of the curves of the page.

    A projected row has the keys of a measured one as far as they mean the same, and the ends of its interval.
    """
    rows = [
        {"basis": Basis.MEASURED.value, "variant": run.variants.get(row["method"]), **row}
        for run in runs
        for row in run.rows
    ]
    for variant in study.configs:
        asked = study.asked[variant]
        groups = [*study.curves[variant], *([] if isinstance(asked, str) else [asked])]
        unique = {(one.phase, one.classes, one.dim): one for phases in groups for one in phases}
        rows += [_row(phase) for phase in unique.values() if phase.basis is not Basis.MEASURED]
    return rows


def _row(phase: ProjectedPhase) -> Row:
    return {
        "basis": phase.basis.value,
        "variant": phase.variant,
        "method": phase.method,
        "phase": phase.phase.value,
        "classes": phase.classes,
        "dim": phase.dim,
        "base_rss_bytes": phase.base_bytes,
        "peak_rss_bytes": phase.peak.value,
        "peak_rss_low_bytes": phase.peak.low,
        "peak_rss_high_bytes": phase.peak.high,
        "mapped_bytes": phase.mapped_bytes,
        "disk_bytes": phase.disk_bytes,
        "extrapolation": phase.extrapolation,
        "interval_from": phase.error_words,
    }
