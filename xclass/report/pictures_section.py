"""Which groups of classes are taken for which: in words, then the pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from xclass.records.record import Record
from xclass.report.class_map_figure import draw_class_map
from xclass.report.confusion_figure import confusion_words, draw_confusion, pictured_records
from xclass.report.latency_figure import draw_latency
from xclass.report.similarity_figure import draw_similarity
from xclass.report.text import code, escape

LATENCY_FIGURE = "figures/latency.svg"
_CONFUSION, _SIMILARITY, _CLASS_MAP = (
    f"figures/{name}.svg" for name in ("confusion", "similarity", "class_map")
)
_WORDS = {
    LATENCY_FIGURE: (
        "Distribution of the time an answer takes",
        "Left out: the network, a queue, and queries that arrive while others are answered.",
    ),
    _CONFUSION: (
        "Which group of classes is taken for which",
        "Left out: which class of a group was answered, and all answers but the first.",
    ),
    _SIMILARITY: (
        "How alike the class vectors of two groups are",
        "Left out: all classes but 24 of each row, and the spread around a mean. Vectors of an index are as "
        "its codes say.",
    ),
    _CLASS_MAP: (
        "Class vectors on a plane, by group",
        "Left out: all other directions, all groups but the six that most queries are of, and all classes "
        "but 24 of each.",
    ),
}
"""Title and what is not seen."""


def draw_pictures(records: Iterable[Record]) -> dict[str, str | None]:
    """Path relative to the report -> SVG document, None where the records hold nothing to draw.

    Args:
        records: merged, one per method, phase and pass.
    """
    merged = list(records)
    return {
        LATENCY_FIGURE: draw_latency(merged),
        _CONFUSION: draw_confusion(merged),
        _SIMILARITY: draw_similarity(merged),
        _CLASS_MAP: draw_class_map(merged),
    }


def latency_picture(figures: Collection[str]) -> str:
    """The picture below the table of latencies; empty where it was not drawn."""
    return f"\n\n{_image(LATENCY_FIGURE)}" if LATENCY_FIGURE in figures else ""


def pictures_section(records: Iterable[Record], figures: Collection[str]) -> str:
    """Markdown; empty where no record knows groups.

    Args:
        records: merged, one per method, phase and pass.
        figures: paths that were drawn.
    """
    merged = list(records)
    lines = [
        f"- {code(method)}: {escape('; '.join(confusion_words(pictures)))} (measured)."
        for method, pictures in pictured_records(merged)
    ]
    missing: dict[str, list[str]] = {}
    for record in merged:
        if why := _why_less(record):
            missing.setdefault(why, []).append(code(record.method))
    lines += [f"- {', '.join(methods)}: {why}" for why, methods in missing.items()]
    images = [_image(path) for path in (_CONFUSION, _SIMILARITY, _CLASS_MAP) if path in figures]
    return "\n\n".join(part for part in ("\n".join(lines), *images) if part)


def _why_less(record: Record) -> str:
    """What could not be drawn of a method, and why."""
    if failure := record.details.get("pictures_failure"):
        return f"no pictures of its classes, because making them failed: {escape(failure)}."
    if record.pictures is not None and record.pictures.left_out:
        return f"no picture of its class vectors: {escape(record.pictures.left_out)}."
    return ""


def _image(path: str) -> str:
    title, left_out = _WORDS[path]
    return f"![{title}]({path})\n\n{left_out}"
