"""The plan for a terminal: a verdict, the machine, one line per method and phase, and what would fit.

Plain text of 80 columns, so that it can be piped and mailed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from xclass.projection.estimate import Estimate, MethodEstimate, PhaseEstimate
from xclass.projection.result import Basis
from xclass.records.record import Phase
from xclass.sizing.alternatives import Alternative
from xclass.sizing.place import Place
from xclass.units import format_bytes, format_count, format_seconds

WIDTH = 80
_NAME_WIDTH = 19
_WIDTHS = (10, 11, 9, 10, 13)
"""Columns of peak, file pages, base, disk and time; what fits comes last."""
_CAPACITY_WIDTHS = (16, 19, 19)


def verdict(estimate: Estimate) -> str:
    """One sentence: what fits, what does not."""
    config, place = estimate.config, estimate.place
    size = f"{format_count(config.classes)} classes x {config.dim}"
    if config.data.name != "synthetic":
        size += f" of {config.data.name}"
    fitting = [method for method in estimate.methods if method.fits]
    if estimate.fits:
        most = max(
            (phase for method in fitting for phase in method.phases), key=lambda one: one.required_bytes
        )
        return (
            f"Fits: {size} with {listed([method.name for method in fitting])} on {place.name}; the most is "
            f"needed by {most.projected.method} to {most.projected.phase}, "
            f"{format_bytes(most.required_bytes)} of {format_bytes(place.room.usable_bytes)}."
        )
    parts = [f"Does not fit: {size} with {listed([m.name for m in estimate.methods if not m.fits])}"
             f" on {place.name}"]  # fmt: skip
    served = [method.name for method in estimate.methods if not method.fits and method.fits_served]
    if served:
        parts.append(f"a model that was made elsewhere is served by {listed(served)}")
    parts.append(
        f"{listed([method.name for method in fitting])} fits" if fitting else "nothing asked for fits"
    )
    return "; ".join(parts) + "."


def place_words(place: Place) -> str:
    """The machine, and what of it may be planned with."""
    room = place.room
    ram = f"{place.name}: {format_bytes(place.ram_bytes)} of RAM"
    available = f"{format_bytes(place.available_bytes)} available"
    disk = (
        f"{format_bytes(room.free_disk_bytes)} of disk, {place.disk_words}"
        if place.is_disk_known
        else place.disk_words
    )
    return (
        f"{ram}, {available} ({place.available_words}), {place.reserve_share:.0%} of it left alone "
        f"(measure.reserve_share): {format_bytes(room.usable_bytes)} may be planned with; {disk}"
    )


def phase_table(estimate: Estimate) -> list[str]:
    """One line per method and phase, and what has to be said of them."""
    lines = [line(_WIDTHS, "", "peak RAM", "file pages", "base", "disk", "time", "  fits")]
    for method in estimate.methods:
        lines.append(method.name)
        lines += [_phase_line(method, phase) for phase in method.phases]
    notes = [paragraph(note) for method in estimate.methods for note in _notes(method)]
    return [*lines, *notes]


def _phase_line(method: MethodEstimate, phase: PhaseEstimate) -> str:
    projected = phase.projected
    is_fit = projected.phase in (Phase.TRAIN, Phase.BUILD)
    seconds = None
    if method.duration is not None and projected.phase is not Phase.LOAD:
        whole = method.duration.value
        seconds = whole.fit_seconds if is_fit else whole.serve_seconds
    return line(
        _WIDTHS,
        f"  {projected.phase}",
        format_bytes(projected.peak.value),
        format_bytes(projected.mapped_bytes),
        format_bytes(projected.base_bytes),
        format_bytes(projected.disk_bytes),
        format_seconds(seconds),
        f"  {_fits(phase)}",
    )


def _fits(phase: PhaseEstimate) -> str:
    if phase.shortage is not None:
        return "no"
    words = "yes, from disk" if phase.is_from_disk else "yes"
    return f"{words}, tight" if phase.is_tight else words


def _notes(method: MethodEstimate) -> list[str]:
    """What does not fit and what would; and what has to be known of the rest."""
    notes = [
        f"{method.name} {phase.projected.phase}: does not fit: {phase.shortage}"
        for phase in method.phases
        if phase.shortage is not None
    ]
    if method.advice is not None:
        notes[-1] += f"; {method.advice}"
    notes += [f"{method.name} {one.phase} would fit with {_lean_words(one)}" for one in method.leaner]
    if method.fit_server.gpu_bytes:
        notes.append(
            f"{method.name}: besides {format_bytes(method.fit_server.gpu_bytes)} on the GPU to train"
        )
    return notes + [f"{method.name} {note}" for phase in method.phases for note in _phase_notes(phase)]


def _lean_words(one: Alternative) -> str:
    cost = "; ".join(cost.words for cost in one.costs) or "its cost was not measured"
    how = f" ({' '.join(one.settings)})" if one.settings else ""
    return f"{one.meaning}{how}: {format_bytes(one.needed_bytes)}; measured: {cost}"


def _phase_notes(phase: PhaseEstimate) -> list[str]:
    projected = phase.projected
    notes = []
    if phase.is_from_disk:
        pages = format_bytes(projected.mapped_bytes)
        notes.append(
            f"from disk: not all of its {pages} of file pages find room in memory; what an answer touches is "
            "read again, an exact scan all of it (benchmarks/records/measure/serving_curve)"
        )
    if phase.is_tight:
        high = format_bytes(projected.peak.high)
        notes.append(f"tight: the upper end of its interval, {high}, does not fit")
    if projected.basis is not Basis.PREDICTED:
        mark = f", {projected.extrapolation:.3g}x beyond what was measured" if projected.is_marked else ""
        low, high = format_bytes(projected.peak.low), format_bytes(projected.peak.high)
        notes.append(f"{low} to {high}, {projected.basis}{mark}: {projected.error_words}")
    notes += projected.caveats
    return [f"{projected.phase}: {note}" for note in notes]


def capacity_table(estimate: Estimate) -> list[str]:
    """The inverse question: how many classes."""
    lines = [
        f"the largest number of classes that fits {estimate.place.name}, dim {estimate.config.dim}",
        line(_CAPACITY_WIDTHS, "", "train or build", "serve, all in RAM", "serve, from disk"),
    ]
    for method in estimate.methods:
        found = method.capacity
        cells = [
            _most(classes, found.most_classes)
            for classes in (found.fit_classes, found.serve_classes, found.mapped_classes)
        ]
        lines.append(line(_CAPACITY_WIDTHS, f"  {method.name}", *cells))
    return lines


def _most(classes: int, most_classes: int) -> str:
    if classes == 0:
        return "none"
    return f"all {format_count(classes)}" if classes == most_classes else format_count(classes)


def listed(names: Sequence[str]) -> str:
    """``a, b and c``, of at least one."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def paragraph(text: str) -> str:
    """The text in lines, the first of which keeps its indent."""
    return "\n".join(textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))


def line(widths: Sequence[int], name: str, *cells: str) -> str:
    """The name to the left, figures to the right, and what is left over as it is."""
    aligned = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False)]
    return f"{name:<{_NAME_WIDTH}}{''.join(aligned)}{''.join(cells[len(widths) :])}".rstrip()
