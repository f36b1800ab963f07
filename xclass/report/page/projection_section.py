"""How the measured sizes go on: hold-outs first, since they say how far the rest is to be believed."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log

from xclass.projection.result import MARKED_BEYOND, Basis, HeldOut, ProjectedPhase
from xclass.report.page.study import PURPOSES, Study
from xclass.report.peak_figure import CurvePoint, PeakLine
from xclass.report.text import code, escape, table
from xclass.units import format_bytes, format_count, format_seconds

PEAK = "peak_bytes"
"""Quantity of a hold-out that is of bytes; all others are times."""


def held_out_section(study: Study) -> str:
    """Peaks: predicted and measured beside each other, the largest size of every variant and phase."""
    largest = [found for found in study.largest_held_out() if found.quantity == PEAK]
    if not largest:
        return (
            "Nothing could be held out: no variant was measured at two sizes. What is projected here rests "
            "on closed forms alone; a sweep (`-m classes=1e4,1e5,1e6`) shows how far they hold."
        )
    every = [found for found in study.projector.held_out() if found.quantity == PEAK]
    opening = (
        "The largest size of each variant and phase was left out of a fit on the smaller ones and predicted "
        f"by it. {held_out_summary(every)}"
    )
    return f"{opening}\n\n{held_out_table(largest, is_bytes=True)}"


def held_out_summary(every: Sequence[HeldOut]) -> str:
    """How often the interval held, and the worst error."""
    worst = max(every, key=lambda one: abs(log(one.predicted / one.measured)) if one.predicted > 0 else inf)
    return (
        f"Of all {len(every)} such predictions, from every size to the next, the interval held the truth in "
        f"{sum(one.is_inside for one in every)}; the worst was off by {error_text(worst)}, at "
        f"{worst.extrapolation:.3g} times what the fit had seen."
    )


def held_out_table(found: Sequence[HeldOut], *, is_bytes: bool) -> str:
    """Predicted and measured beside each other; of times with what they are of."""
    show = format_bytes if is_bytes else format_seconds
    headers = ["variant", "phase", *([] if is_bytes else ["what"]), "classes", "dim", "beyond the fit"]
    headers += [
        "predicted from the smaller sizes (predicted)",
        "measured (measured)",
        "error",
        "interval",
        "held",
    ]
    cells = [
        [
            code(one.variant),
            str(one.phase),
            *([] if is_bytes else [escape(one.quantity.replace("_", " "))]),
            format_count(one.classes),
            str(one.dim),
            f"{one.extrapolation:.3g} x",
            show(one.predicted),
            show(one.measured),
            error_text(one),
            f"{show(one.low)} to {show(one.high)}",
            "yes" if one.is_inside else "**no**",
        ]
        for one in found
    ]
    return table(headers, cells, num_text_columns=2 if is_bytes else 3)


def error_text(found: HeldOut) -> str:
    """Predicted against measured in percent, or as a factor where percents would be hundreds."""
    ratio = found.predicted / found.measured
    return f"{found.error_share * 100:+.2g} %" if ratio < 2 else f"a factor of {ratio:.2g}"


def projected_section(study: Study) -> str:
    """Every variant at the size that was asked about."""
    shown = [phase for phase in asked_phases(study) if phase.phase in PURPOSES]
    words: dict[str, list[str]] = {}
    for phase in shown:
        words.setdefault(phase.error_words, []).append(f"{code(phase.variant)} {phase.phase}")
    caveats = dict.fromkeys(
        f"{one.variant}, {one.phase}: {text}" for one in asked_phases(study) for text in one.caveats
    )
    refused = {variant: asked for variant, asked in study.asked.items() if isinstance(asked, str)}
    parts = [
        _projected_table(shown),
        _accuracy_words(study) if shown else "",
        _listed("Where the intervals of the peaks come from:", _sources(words)),
        _listed("To be known:", [f"- {escape(text)}" for text in caveats]),
        _listed("Not projected:", [f"- {code(name)}: {escape(why)}" for name, why in refused.items()]),
    ]
    return "\n\n".join(part for part in parts if part)


def asked_phases(study: Study) -> list[ProjectedPhase]:
    """Of every variant that may be projected to the size that was asked about."""
    return [phase for asked in study.asked.values() if not isinstance(asked, str) for phase in asked]


def _listed(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([heading, "", *lines]) if lines else ""


def _projected_table(phases: Sequence[ProjectedPhase]) -> str:
    headers = ["variant", "phase", "classes", "dim", "beyond what was measured", "peak RAM", "interval"]
    headers += ["base", "of it file pages", "disk"]
    cells = [_projected_cells(phase) for phase in phases]
    return table(headers, cells, num_text_columns=2) if cells else ""


def _accuracy_words(study: Study) -> str:
    """No law gives the accuracy of a larger size: the trend is told apart, and as the guess that it is."""
    trends = {variant: study.projector.accuracy_trend(variant) for variant in study.configs}
    known = [
        f"{code(variant)} {trend.per_decade * 100:+.2g} points for each tenfold of the classes, from "
        f"{trend.num_sizes} sizes up to {format_count(trend.most_classes)}"
        for variant, trend in trends.items()
        if trend is not None
    ]
    said = "Accuracy is not projected: it is what was measured at the measured sizes, and nothing more."
    return f"{said} The trend there, which is a guess beyond them: {'; '.join(known)}." if known else said


def _sources(words: dict[str, list[str]]) -> list[str]:
    return [f"- {', '.join(names)}: {escape(text)}" for text, names in words.items()]


def _projected_cells(phase: ProjectedPhase) -> list[str]:
    return [
        code(phase.variant),
        str(phase.phase),
        format_count(phase.classes),
        str(phase.dim),
        reach_text(phase),
        f"{format_bytes(phase.peak.value)} ({phase.basis})",
        interval_text(phase),
        format_bytes(phase.base_bytes),
        format_bytes(phase.mapped_bytes),
        format_bytes(phase.disk_bytes),
    ]


def interval_text(phase: ProjectedPhase) -> str:
    """Least and most of a peak, in percent where they look alike as bytes."""
    peak = phase.peak
    ends = f"{format_bytes(peak.low)} to {format_bytes(peak.high)}"
    if format_bytes(peak.low) != format_bytes(peak.high) or not peak.value:
        return ends
    low, high = ((end / peak.value - 1) * 100 for end in (peak.low, peak.high))
    return f"{low:+.1g} % to {high:+.1g} %"


def reach_text(phase: ProjectedPhase) -> str:
    """How far beyond the measured sizes, with a mark where that is far."""
    if phase.basis is Basis.MEASURED:
        return "measured at this size"
    if phase.basis is Basis.PREDICTED:
        return "never measured"
    far = f" **(more than {MARKED_BEYOND:g} x)**" if phase.is_marked else ""
    return f"{phase.extrapolation:.3g} x{far}"


def projected_lines(study: Study) -> list[PeakLine]:
    """For the figure: curve and held-out point of every variant, without its measured points."""
    held_out = {
        (found.variant, PURPOSES[found.phase]): (found.classes, found.predicted)
        for found in study.largest_held_out()
        if found.quantity == PEAK and found.phase in PURPOSES
    }
    curves: dict[tuple[str, str], list[CurvePoint]] = {}
    for variant in study.configs:
        for phases in study.curves[variant]:
            for phase in phases:
                if phase.phase in PURPOSES:
                    curves.setdefault((variant, PURPOSES[phase.phase]), []).append(_curve_point(phase))
    return [
        PeakLine(name=name, panel=panel, points=(), curve=curve, held_out=held_out.get((name, panel)))
        for (name, panel), curve in curves.items()
    ]


def _curve_point(phase: ProjectedPhase) -> CurvePoint:
    peak = phase.peak
    return CurvePoint(
        classes=phase.classes, value=peak.value, low=peak.low, high=peak.high, is_marked=phase.is_marked
    )
