"""The ledger as one picture: of each phase what was predicted, held, and seen by the kernel, as stacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xclass.records.record import Pass, Record, Verdict
from xclass.report.svg import COLOURS, GRID, INK, MUTED, Page, byte_ticks, tick_label
from xclass.units import format_bytes

_WIDTH, _LEFT, _RIGHT, _TOP = 980, 232, 76, 64
_BAR, _BAR_GAP, _GROUP_GAP = 13, 2, 14
_ANON, _FILE = "#444444", "#b9b9b9"

Stack = list[tuple[str, int, str]]
"""(component, bytes, colour), from the left."""


def draw_ledger(records: Iterable[Record]) -> str | None:
    """Three bars per method and phase on one axis of bytes over the base.

    Args:
        records: merged, one per method, phase and pass.

    Returns:
        The SVG document; None where no phase has a reading and a closed form.
    """
    drawn = [record for record in records if _has_bars(record)]
    if not drawn:
        return None
    colours = _colours(drawn)
    groups = [(record, _stacks(record, colours)) for record in drawn]
    most = max(sum(size for _, size, _ in stack) for _, stacks in groups for _, stack in stacks)
    ticks = byte_ticks(most)
    group_height = 3 * (_BAR + _BAR_GAP) + _GROUP_GAP
    bottom = _TOP + len(groups) * group_height
    page = Page(_WIDTH, bottom)
    _axis(page, ticks, bottom)
    for number, (record, stacks) in enumerate(groups):
        _group(page, record, stacks, _TOP + number * group_height, ticks[-1])
    entries = [(colour, name) for name, colour in colours.items()]
    entries += [(_ANON, "anonymous (kernel)"), (_FILE, "file and shared pages (kernel)")]
    page.legend(16, bottom + 48, entries)
    return page.render("Bytes by component: closed form, held, and measured by the kernel")


def _has_bars(record: Record) -> bool:
    is_untraced = record.pass_ is Pass.RSS and record.verdict is Verdict.MEASURED
    return is_untraced and record.memory is not None and bool(record.predicted)


def _colours(records: Sequence[Record]) -> dict[str, str]:
    """Component -> colour, largest first; where there are too many, the small ones share the last."""
    largest: dict[str, int] = {}
    for record in records:
        for part in ((record.predicted or {}).get("components", {}), record.held or {}):
            for name, size in part.items():
                if size:
                    largest[name] = max(size, largest.get(name, 0))
    names = sorted(largest, key=lambda name: -largest[name])
    return {name: COLOURS[min(number, len(COLOURS) - 1)] for number, name in enumerate(names)}


def _stacks(record: Record, colours: dict[str, str]) -> list[tuple[str, Stack]]:
    components = (record.predicted or {}).get("components", {})
    return [
        ("closed form", [(name, size, colours[name]) for name, size in components.items() if size]),
        ("held", [(name, size, colours[name]) for name, size in (record.held or {}).items() if size]),
        ("kernel", _kernel(record)),
    ]


def _kernel(record: Record) -> Stack:
    """Peak - base, split as far as the kernel splits it: it keeps no high-water mark of the parts."""
    memory = record.memory
    assert memory is not None
    over_base = max(0, memory.over_base_bytes)
    anon = min(max(0, memory.peak_anon_bytes - memory.base.anon_bytes), over_base)
    return [("anonymous", anon, _ANON), ("file and shared pages", over_base - anon, _FILE)]


def _axis(page: Page, ticks: list[int], bottom: float) -> None:
    page.text(16, 24, "Where the bytes are, over the base", size=16, bold=True)
    note = "closed form: predicted before the run; held: by live objects at its end; kernel: peak - base"
    page.text(16, 44, note, colour=MUTED)
    for tick in ticks:
        x = _x(tick, ticks[-1])
        page.line(x, _TOP - 4, x, bottom, GRID)
        page.text(x, bottom + 14, tick_label(tick), size=11, colour=MUTED, anchor="middle")


def _group(page: Page, record: Record, stacks: list[tuple[str, Stack]], top: float, most: int) -> None:
    page.text(16, top + 10, record.method, bold=True)
    page.text(16, top + 26, str(record.phase), colour=MUTED)
    for number, (label, stack) in enumerate(stacks):
        y = top + number * (_BAR + _BAR_GAP)
        page.text(_LEFT - 6, y + 10, label, size=10, colour=MUTED, anchor="end")
        at = 0
        for name, size, colour in stack:
            left, right = _x(at, most), _x(at + size, most)
            page.rect(left, y, right - left, _BAR, colour, title=f"{name}: {format_bytes(size)}")
            at += size
        page.text(_x(at, most) + 5, y + 10, format_bytes(at) if at else "0", size=10, colour=INK)


def _x(num_bytes: float, most: int) -> float:
    return _LEFT + num_bytes / most * (_WIDTH - _LEFT - _RIGHT)
