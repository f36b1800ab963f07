"""Times: predicted and measured beside each other, and at the size that was asked about."""

from __future__ import annotations

from xclass.report.page.projection_section import PEAK, asked_phases, held_out_summary, held_out_table
from xclass.report.page.study import PURPOSES, Study
from xclass.report.text import code, escape, table
from xclass.units import format_seconds


def held_out_times_section(study: Study) -> str:
    """The largest size of every variant, phase and quantity; empty where none was held out."""
    largest = [found for found in study.largest_held_out() if found.quantity != PEAK]
    if not largest:
        return ""
    every = [found for found in study.projector.held_out() if found.quantity != PEAK]
    opening = "Times repeat far less well than bytes, and on another processor not at all."
    return f"{opening} {held_out_summary(every)}\n\n{held_out_table(largest, is_bytes=False)}"


def projected_times_section(study: Study) -> str:
    """Every time of every variant at the size that was asked about; empty where there is none."""
    headers = ["variant", "phase", "what", "the cost is", "where the interval comes from", "time", "interval"]
    cells = [
        [
            code(phase.variant),
            str(phase.phase),
            escape(time.meaning),
            escape(time.form),
            escape(time.error_words),
            f"{format_seconds(time.seconds.value)} ({time.basis})",
            f"{format_seconds(time.seconds.low)} to {format_seconds(time.seconds.high)}",
        ]
        for phase in asked_phases(study)
        if phase.phase in PURPOSES
        for time in phase.times
    ]
    return table(headers, cells, num_text_columns=5) if cells else ""
