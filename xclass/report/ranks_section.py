"""What each rank of a head took that several processes trained together, and all of them in sum."""

from __future__ import annotations

from collections.abc import Sequence

from xclass.records.ranks import RankReading, ranks_peak_bytes
from xclass.records.record import Pass, Record
from xclass.report.text import code, escape, ratio_text, table
from xclass.units import format_bytes, format_count

_HEADERS = ["rank", "classes", "threads", "base (measured)", "peak RSS (measured)", "peak - base (measured)"]
_HEADERS += [
    "closed form of peak - base (predicted)",
    "ratio measured / predicted",
    "held at the end (measured)",
]


def ranks_section(records: Sequence[Record]) -> str:
    """One table per phase that was carried out by several ranks; empty where none was.

    Args:
        records: merged, one per method, phase and pass.
    """
    parts = [_of_phase(record) for record in records if record.ranks and record.pass_ is Pass.RSS]
    return "\n\n".join(parts)


def ranks_lines(records: Sequence[Record]) -> str:
    """What all ranks of a phase need on one machine, beside the one that stands in the tables for all."""
    lines = [line for record in records if record.pass_ is Pass.RSS and (line := _line(record))]
    return "\n".join(["\n", *lines]) if lines else ""


def _line(record: Record) -> str:
    total, memory = ranks_peak_bytes(record.ranks), record.memory
    if total is None or memory is None:
        return ""
    agent = int(record.details.get("rank_agent_peak_bytes") or 0)
    line = (
        f"- {code(record.method)} {record.phase}: {len(record.ranks)} ranks. The table above has the one "
        f"with the most. On one machine their peaks add up to {format_bytes(total)} (measured), and the "
        f"process that starts them had {format_bytes(agent)}"
    )
    if memory.peak_tree_bytes:
        line += (
            f"; all held at most {format_bytes(memory.peak_tree_bytes)} at one moment, shared pages counted "
            "once (measured, sampled)"
        )
    return f"{line}."


def _of_phase(record: Record) -> str:
    predicted = (record.predicted or {}).get("over_base_bytes")
    cells = [_cells(rank, predicted) for rank in record.ranks]
    total = ranks_peak_bytes(record.ranks)
    if total is not None:
        cells.append(_sum(record.ranks, total, predicted))
    parts = [f"**{code(record.method)} {record.phase}**", table(_HEADERS, cells, num_text_columns=1)]
    parts += [_traffic(record)] if record.details.get("traffic_bytes") is not None else []
    return "\n\n".join(parts)


def _cells(rank: RankReading, predicted: int | None) -> list[str]:
    memory = rank.memory
    if memory is None:
        return [f"{rank.rank}: {escape(rank.end or 'no reading')}", *["-"] * (len(_HEADERS) - 1)]
    over_base = memory.over_base_bytes
    return [
        str(rank.rank),
        format_count(rank.num_classes),
        format_count(rank.num_threads),
        format_bytes(memory.base.rss_bytes),
        format_bytes(memory.peak_rss_bytes),
        format_bytes(over_base),
        format_bytes(predicted),
        ratio_text(over_base / predicted if predicted else None),
        format_bytes(sum(rank.held.values()) if rank.held is not None else None),
    ]


def _sum(ranks: Sequence[RankReading], total: int, predicted: int | None) -> list[str]:
    memories = [rank.memory for rank in ranks if rank.memory]
    over_base = sum(memory.over_base_bytes for memory in memories)
    expected = predicted * len(ranks) if predicted else None
    return [
        "**sum**",
        format_count(sum(rank.num_classes or 0 for rank in ranks)),
        format_count(sum(rank.num_threads or 0 for rank in ranks)),
        format_bytes(sum(memory.base.rss_bytes for memory in memories)),
        format_bytes(total),
        format_bytes(over_base),
        format_bytes(expected),
        ratio_text(over_base / expected if expected else None),
        format_bytes(sum(sum(rank.held.values()) for rank in ranks if rank.held is not None)),
    ]


def _traffic(record: Record) -> str:
    """What crossed between the ranks, per step where steps were taken, beside its closed form."""
    details = record.details
    text = f"Between the ranks {format_bytes(details['traffic_bytes'])} crossed, of all of them together"
    if details.get("steps") and not details.get("went_on_from"):
        a_step = details["traffic_bytes"] / details["steps"]
        text += f": {format_bytes(round(a_step))} in each of {format_count(details['steps'])} steps, counted"
    if details.get("predicted_step_traffic_bytes"):
        text += f"; closed form of a step {format_bytes(details['predicted_step_traffic_bytes'])} (predicted)"
    return f"{text}. Framing by the network is not in it."
