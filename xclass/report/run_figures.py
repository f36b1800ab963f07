"""The figures of one run: each with the file that it is written to and what stands below it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from xclass.records.record import Record
from xclass.report.ledger_figure import draw_ledger
from xclass.report.pictures_section import draw_pictures
from xclass.report.timeline_figure import draw_timeline


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFigure:
    """One picture."""

    path: str
    """Relative to the report."""
    title: str
    """For who cannot see it."""
    draw: Callable[[Iterable[Record]], str | None]
    left_out: str = ""
    """What it does not show."""

    def markdown(self, drawn: Collection[str]) -> str:
        """The picture with what it leaves out; empty where it was not drawn."""
        if self.path not in drawn:
            return ""
        return f"![{self.title}]({self.path})" + (f"\n\n{self.left_out}" if self.left_out else "")


LEDGER = RunFigure(
    path="figures/ledger.svg",
    title="Bytes by component: closed form, held, kernel",
    draw=draw_ledger,
    left_out="Left out: the base, which the engine takes before there is any data.",
)
TIMELINE = RunFigure(
    path="figures/timeline.svg",
    title="Resident memory of each phase over time",
    draw=draw_timeline,
    left_out="Left out: what lasts less than the time between two samples; the peak is the kernel's own.",
)


def draw_run_figures(merged: Sequence[Record]) -> dict[str, str]:
    """Path -> SVG of what the records of a run allow.

    Args:
        merged: one per method, phase and pass.
    """
    drawn = {LEDGER.path: LEDGER.draw(merged), TIMELINE.path: TIMELINE.draw(merged), **draw_pictures(merged)}
    return {path: svg for path, svg in drawn.items() if svg is not None}
