"""The report's ledger: per phase its components as predicted and as held, and what the kernel saw of them."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.records.record import Pass, Record, Verdict
from xclass.report.text import code, escape, ratio_text, table
from xclass.sizing.ledger import explain_peak
from xclass.units import format_bytes


def ledger_section(records: Sequence[Record]) -> str:
    """One table per phase.

    Args:
        records: merged, one per method, phase and pass.
    """
    parts = [_ledger(record) for record in records if record.pass_ is Pass.RSS]
    return "\n\n".join(part for part in parts if part)


def _ledger(record: Record) -> str:
    predicted = record.predicted or {}
    components = predicted.get("components") or {}
    held = record.held or {}
    # What is alive at another moment than the peak stands in the form with 0 bytes.
    names = [name for name in dict.fromkeys([*components, *held]) if components.get(name) or name in held]
    if not names:
        return ""
    cells = [
        [escape(name), format_bytes(components.get(name)), format_bytes(held.get(name))] for name in names
    ]
    over_base = predicted.get("over_base_bytes")
    total_held = sum(held.values()) if record.held is not None else None
    cells.append(["**sum**", format_bytes(over_base), format_bytes(total_held)])
    headers = ["component", "at the peak (predicted)", "held at the end (measured)"]
    title = f"**{code(record.method)} {record.phase}**"
    if predicted.get("regime"):
        title += f", predicted peak at: {escape(predicted['regime'])}"
    return "\n\n".join([title, table(headers, cells, num_text_columns=1), _kernel(record)])


def _kernel(record: Record) -> str:
    """What the kernel saw beside the sum, and how much of it the components explain."""
    memory = record.memory
    if memory is None or record.verdict is not Verdict.MEASURED:
        return f"No peak measured: {record.verdict.replace('_', ' ')}."
    over_base = memory.over_base_bytes
    text = f"The kernel saw: peak - base {format_bytes(over_base)} (measured)."
    explained = explain_peak(record)
    if explained is None:
        return f"{text} There is no closed form to compare it with."
    text += f" Measured / predicted: **{ratio_text(explained.ratio)}**."
    if explained.unexplained_bytes:
        return (
            f"{text} The components explain {explained.explained_share * 100:.1f} % of it; "
            f"{format_bytes(explained.unexplained_bytes)} are nobody's."
        )
    return f"{text} The components predict {format_bytes(explained.over_predicted_bytes)} more."
