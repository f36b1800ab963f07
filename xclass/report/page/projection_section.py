"""How the measured sizes go on: hold-outs first, since they say how far the rest is to be believed."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.projection.result import MARKED_BEYOND, Basis, HeldOut, ProjectedPhase
from xclass.report.page.study import PURPOSES, Study
from xclass.report.peak_figure import CurvePoint, PeakLine
from xclass.report.text import code, escape, table
from xclass.units import format_bytes, format_count, format_seconds

_PEAK = "peak_bytes"


def held_out_section(study: Study) -> str:
    """Predicted and measured beside each other, the largest size of every variant and phase."""
    largest = study.largest_held_out()
    if not largest:
        return (
            "Nothing could be held out: no variant was measured at two sizes. What is projected here rests on closed "
            "forms alone; a sweep (`-m classes=1e4,1e5,1e6`) shows how far they hold."
        )
    parts = [_summary(study.projector.held_out())]
    for is_bytes in (True, False):
        chosen = [found for found in largest if (found.quantity == _PEAK) is is_bytes]
        if chosen:
            parts.append(_held_out_table(chosen, is_bytes=is_bytes))
    return "\n\n".join(parts)


def _summary(every: Sequence[HeldOut]) -> str:
    peaks = [found for found in every if found.quantity == _PEAK]
    times = [found for found in every if found.quantity != _PEAK]
    sentences = [
        f"The largest size of each variant and phase was left out of a fit on the smaller ones and predicted by it. "
        f"Over all {len(every)} hold-outs the interval held the truth in {sum(one.is_inside for one in every)}."
    ]
    for name, found in (("peak RAM", peaks), ("times", times)):
        if found:
            worst = max(found, key=lambda one: abs(one.error_share))
            sentences.append(
                f"The worst error of {len(found)} for {name} was {_percent(worst)}, at {worst.extrapolation:.3g} "
                "times what the fit had seen."
            )
    return " ".join(sentences)


def _held_out_table(found: Sequence[HeldOut], *, is_bytes: bool) -> str:
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
            _percent(one),
            f"{show(one.low)} to {show(one.high)}",
            "yes" if one.is_inside else "**no**",
        ]
        for one in found
    ]
    return table(headers, cells, num_text_columns=2 if is_bytes else 3)


def _percent(found: HeldOut) -> str:
    return f"{found.error_share * 100:+.2g} %"


def projected_section(study: Study) -> str:
    """Every variant at the size that was asked about."""
    cells, refused, words = [], [], dict[str, list[str]]()
    for variant in study.configs:
        asked = study.asked[variant]
        if isinstance(asked, str):
            refused.append(f"- {code(variant)}: {escape(asked)}")
            continue
        for phase in asked:
            if phase.phase in PURPOSES:
                cells.append(_projected_cells(phase))
                words.setdefault(phase.error_words, []).append(f"{code(phase.variant)} {phase.phase}")
    headers = [
        "variant",
        "phase",
        "classes",
        "dim",
        "peak RAM",
        "at least",
        "at most",
        "base",
        "of it file pages",
    ]
    headers += ["disk", "beyond what was measured", "time"]
    parts = [table(headers, cells, num_text_columns=2)] if cells else []
    if words:
        parts.append("\n".join(["Where the intervals come from:", "", *_sources(words)]))
    caveats = dict.fromkeys(caveat for variant in study.configs for caveat in _caveats(study, variant))
    if caveats:
        parts.append("\n".join(["To be known:", "", *(f"- {escape(text)}" for text in caveats)]))
    if refused:
        parts.append("\n".join(["Not projected:", "", *refused]))
    return "\n\n".join(parts)


def _sources(words: dict[str, list[str]]) -> list[str]:
    return [f"- {', '.join(names)}: {escape(text)}" for text, names in words.items()]


def _caveats(study: Study, variant: str) -> list[str]:
    asked = study.asked[variant]
    if isinstance(asked, str):
        return []
    return [f"{variant}, {phase.phase}: {caveat}" for phase in asked for caveat in phase.caveats]


def _projected_cells(phase: ProjectedPhase) -> list[str]:
    return [
        code(phase.variant),
        str(phase.phase),
        format_count(phase.classes),
        str(phase.dim),
        f"{format_bytes(phase.peak.value)} ({phase.basis})",
        format_bytes(phase.peak.low),
        format_bytes(phase.peak.high),
        format_bytes(phase.base_bytes),
        format_bytes(phase.mapped_bytes),
        format_bytes(phase.disk_bytes),
        reach_text(phase),
        _time_text(phase),
    ]


def reach_text(phase: ProjectedPhase) -> str:
    """How far beyond the measured sizes, with a mark where that is far."""
    if phase.basis is Basis.MEASURED:
        return "measured at this size"
    if phase.basis is Basis.PREDICTED:
        return "never measured"
    far = f" **(more than {MARKED_BEYOND:g} x)**" if phase.is_marked else ""
    return f"{phase.extrapolation:.3g} x{far}"


def _time_text(phase: ProjectedPhase) -> str:
    return "; ".join(
        f"{escape(time.meaning)}: {format_seconds(time.seconds.value)} "
        f"({format_seconds(time.seconds.low)} to {format_seconds(time.seconds.high)})"
        for time in phase.times
    ) or "-"  # fmt: skip


def projected_lines(study: Study) -> list[PeakLine]:
    """For the figure: curve and held-out point of every variant; its measured points come from the records."""
    held_out = {
        (found.variant, PURPOSES[found.phase]): (found.classes, found.predicted)
        for found in study.largest_held_out()
        if found.quantity == _PEAK and found.phase in PURPOSES
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
