"""The figures of one run: each with the file that it is written to and what stands below it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from xclass.records.record import Record
from xclass.report.class_map_figure import draw_class_map
from xclass.report.confusion_figure import draw_confusion
from xclass.report.latency_figure import draw_latency
from xclass.report.ledger_figure import draw_ledger
from xclass.report.similarity_figure import draw_similarity
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
    path="figures/ledger.svg", title="Bytes by component: closed form, held, kernel", draw=draw_ledger
)
TIMELINE = RunFigure(
    path="figures/timeline.svg",
    title="Resident memory of each phase over time",
    draw=draw_timeline,
    left_out="Left out: what lasts less than the time between two samples; the peak is the kernel's own.",
)
LATENCY = RunFigure(
    path="figures/latency.svg",
    title="Share of batches that were answered within a time",
    draw=draw_latency,
    left_out="Left out: network, request parsing and waiting in a queue; one process answered one batch at a time.",
)
CONFUSION = RunFigure(
    path="figures/confusion.svg",
    title="Which groups of classes are taken for which",
    draw=draw_confusion,
    left_out="Left out: which classes within a group are confused.",
)
SIMILARITY = RunFigure(
    path="figures/similarity.svg",
    title="Mean cosine between the class vectors of groups",
    draw=draw_similarity,
    left_out="From a sample of each group.",
)
CLASS_MAP = RunFigure(
    path="figures/class_map.svg",
    title="Class vectors on the two axes along which they differ most",
    draw=draw_class_map,
    left_out="Left out: all other axes. Classes that lie near each other here may be far apart along those.",
)
_ALL = (LEDGER, TIMELINE, LATENCY, CONFUSION, SIMILARITY, CLASS_MAP)


def draw_run_figures(merged: Sequence[Record]) -> dict[str, str]:
    """Path -> SVG of what the records of a run allow.

    Args:
        merged: one per method, phase and pass.
    """
    drawn = {figure.path: figure.draw(merged) for figure in _ALL}
    return {path: svg for path, svg in drawn.items() if svg is not None}


def groups_section(drawn: Collection[str]) -> str:
    """The pictures that know groups of classes."""
    parts = [figure.markdown(drawn) for figure in (CONFUSION, SIMILARITY, CLASS_MAP)]
    return "\n\n".join(part for part in parts if part)
