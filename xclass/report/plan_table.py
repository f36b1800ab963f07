"""The plan for a terminal: a verdict, the machine, one line per method and phase, and what would fit.

Plain text of 80 columns, so that it can be piped and mailed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from xclass.config import MAX_CLASSES
from xclass.projection.estimate import Estimate, MethodEstimate
from xclass.projection.phase_estimate import PhaseEstimate
from xclass.projection.result import Basis
from xclass.records.record import Phase
from xclass.report.plan_ranks import rank_notes
from xclass.sizing.capacity import Room
from xclass.sizing.place import Place
from xclass.units import format_bytes, format_count, format_seconds

WIDTH = 80
_NAME_WIDTH = 19
_WIDTHS = (10, 11, 9, 11, 13)
"""Columns of peak, file pages, base, disk and time; what fits comes last."""
_CAPACITY_WIDTHS = (16, 18, 18)
_CAPACITY_HEADERS = ("train or build", "serve, all in RAM", "serve, from disk")
_CAPACITY_NAME_WIDTH = 26


def verdict(estimate: Estimate) -> str:
    """Two sentences at most: what fits; what does not, by how much, and what could be served."""
    config, place = estimate.config, estimate.place
    size = f"{format_count(config.classes)} classes x {config.dim}"
    if config.data.name != "synthetic":
        size += f" of {config.data.name}"
    fitting = [method for method in estimate.methods if method.fits]
    if estimate.fits:
        phases = [(method, phase) for method in fitting for phase in method.phases]
        method, most = max(phases, key=lambda pair: pair[1].required_bytes)
        return (
            f"Fits: {size} with {_names(fitting)} on {place.name}; the most is needed by {method.name} to "
            f"{most.projected.phase}, {format_bytes(most.required_bytes)} of "
            f"{format_bytes(place.room.usable_bytes)}."
        )
    failing = [method for method in estimate.methods if not method.fits]
    text = f"Does not fit: {size} with {_names(failing)} on {place.name}"
    served = [method for method in failing if method.fits_served]
    if served == failing:
        phase = max((method.phases[0] for method in failing), key=lambda phase: phase.required_bytes)
        text += f": {phase.projected.phase}ing {phase.shortage}"
    text += "."
    if fitting:
        text += f" What fits: {_names(fitting)}."
    if served:
        from_disk = any(phase.is_from_disk for method in served for phase in method.phases)
        text += " Serving alone fits" + (" (read from the disk)" if from_disk else "")
        text += "." if served == failing else f" with {_names(served)}."
    return text


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


def phase_table(estimate: Estimate, *, has_details: bool) -> list[str]:
    """One line per method and phase, and what has to be said of them.

    Args:
        estimate: the whole.
        has_details: also loading where it fits, which needs the same everywhere, and advice, which the
            table of largest sizes gives in short.
    """
    lines = [line(_WIDTHS, "", "peak RAM", "file pages", "base", "disk", "run time", "  fits")]
    shared: dict[str, list[str]] = {}
    for method in estimate.methods:
        lines.append(method.name)
        for phase in method.phases:
            if phase.projected.phase is Phase.LOAD and phase.shortage is None and not has_details:
                continue
            lines.append(_phase_line(method, phase, estimate.place.room))
            for note in [*_phase_notes(phase), *rank_notes(method, phase)]:
                shared.setdefault(note, []).append(method.name)
        if has_details and method.advice is not None:
            shared.setdefault(method.advice, []).append(method.name)
        if gpu_bytes := method.fit_server.gpu_bytes:
            note = f"train: besides {format_bytes(gpu_bytes)} on the GPU"
            shared.setdefault(note, []).append(method.name)
    every = len(estimate.methods)
    notes = [
        paragraph(f"{'all' if len(names) == every > 1 else ', '.join(names)}: {note}")
        for note, names in shared.items()
    ]
    return [*lines, *notes]


def _phase_line(method: MethodEstimate, phase: PhaseEstimate, room: Room) -> str:
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
        f"  {_fits(phase, room)}",
    )


def _fits(phase: PhaseEstimate, room: Room) -> str:
    if phase.projected.refusal is not None:
        return "no, see below"
    if phase.shortage is not None:
        of_what = "" if phase.required_bytes > room.usable_bytes else " of disk"
        return f"no, {format_bytes(phase.missing_bytes)}{of_what} short"
    if phase.is_from_disk:
        return "from disk"
    return "yes, tight" if phase.is_tight else "yes"


def _phase_notes(phase: PhaseEstimate) -> list[str]:
    projected = phase.projected
    notes = []
    if phase.is_from_disk:
        pages = format_bytes(projected.mapped_bytes)
        notes.append(
            f"from disk, slower: its {pages} of file pages do not all find room in memory; an exact scan "
            "reads all of them again for every query (benchmarks/records/measure/serving_curve)"
        )
    if phase.is_tight:
        high = format_bytes(phase.rented_bytes)
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
        paragraph(
            f"the largest number of classes that fits {estimate.place.name} at dim {estimate.config.dim}, "
            "by closed form"
        ),
        line(_CAPACITY_WIDTHS, "", *_CAPACITY_HEADERS, name_width=_CAPACITY_NAME_WIDTH),
    ]
    for method in estimate.methods:
        found = method.capacity
        cells = [
            _most(classes, found.most_classes)
            for classes in (found.fit_classes, found.serve_classes, found.mapped_classes)
        ]
        lines.append(line(_CAPACITY_WIDTHS, f"  {method.name}", *cells, name_width=_CAPACITY_NAME_WIDTH))
    return lines


def _most(classes: int, most_classes: int) -> str:
    """In words where it is no limit: nothing but the data, or not even that, sets one."""
    if classes == 0:
        return "none"
    if classes < most_classes:
        return format_count(classes)
    return "any number" if classes == MAX_CLASSES else f"all {format_count(classes)}"


def _names(methods: Sequence[MethodEstimate]) -> str:
    *first, last = [method.name for method in methods]
    return f"{', '.join(first)} and {last}" if first else last


def paragraph(text: str) -> str:
    """The text in lines of :data:`WIDTH`; those after the first are indented by two more."""
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return "\n".join(textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False))


def line(widths: Sequence[int], name: str, *cells: str, name_width: int = _NAME_WIDTH) -> str:
    """The name to the left, figures to the right, and what is left over as it is."""
    aligned = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False)]
    return f"{name:<{name_width}}{''.join(aligned)}{''.join(cells[len(widths) :])}".rstrip()
