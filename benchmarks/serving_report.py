"""The README of the record of serving_load.py, from the record alone."""

from __future__ import annotations

from typing import Any

from children import markdown_table

_HEAD = """\
# A service under load

`{command}` on {processor}, {cpus} CPUs, {date}; client, service and bare loop share these CPUs. All figures
are measured unless said otherwise.

"""


def render(document: dict[str, Any]) -> str:
    """Markdown."""
    machine = document["machine"]
    head = _HEAD.format(
        command=document["command"], processor=machine["processor"], cpus=machine["num_cpus_allowed"],
        date=document["date"][:10],
    )  # fmt: skip
    return head + "\n".join(_arm(arm) for arm in document["arms"].values())


def _arm(arm: dict[str, Any]) -> str:
    parts = [f"## {arm['label']}\n", _cap(arm), _pairs(arm), _singles(arm), _overload(arm), _workers(arm)]
    return "\n".join(parts)


def _cap(arm: dict[str, Any]) -> str:
    cap, promise = arm["cap"], arm["promise"]
    peak = cap.get("peak_bytes")
    text = (
        f"Promised {_mib(arm['promised_bytes'])}: {_mib(promise['peak_bytes'])} as its serve phase measured, "
        f"{_mib(promise['service_bytes'])} for the service and {_mib(promise['room_bytes'])} for bodies, "
        f"{_mib(promise['supervisor_bytes'])} for the process that starts the worker. "
        f"Run under {cap['kind']} with that limit"
    )
    if peak is None:
        return f"{text}.\n"
    hits, kills = cap.get("num_limit_hits"), cap.get("num_oom_kills")
    return (
        f"{text}, the model evicted from the page cache before: charged peak {_mib(peak)}, "
        f"limit hits {hits}, kills {kills}. Libraries that were in memory already are charged to others.\n"
    )


def _pairs(arm: dict[str, Any]) -> str:
    rows = [
        [name, _ms(values["median"]), _ms(values["least"]), _ms(values["most"])]
        for name, values in arm["batch_seconds"].items()
    ]
    table = markdown_table(["batch of 256", "median ms", "least", "most"], rows)
    overheads = "; ".join(
        f"{name}: {100 * (values['median'] - 1):+.1f} % ({100 * (values['least'] - 1):+.1f} to "
        f"{100 * (values['most'] - 1):+.1f}{_interval(values)})"
        for name, values in arm["overhead"].items()
    )
    return f"{table}\nOverhead, pair by pair, median (least to most): {overheads}.\n"


def _interval(values: dict[str, float]) -> str:
    low, high = 100 * (values["low"] - 1), 100 * (values["high"] - 1)
    return f"; 95 % interval of the median {low:+.1f} to {high:+.1f}, {values['num_pairs']} pairs"


def _singles(arm: dict[str, Any]) -> str:
    rows = [
        [str(one["concurrency"]), _ms(one["p50_seconds"]), _ms(one["p99_seconds"]),
         f"{one['queries_per_second']:.0f}", str(one["num_requests"] - one.get("status_200", 0))]
        for one in arm["singles"]
    ]  # fmt: skip
    table = markdown_table(["clients", "p50 ms", "p99 ms", "queries/s", "not 200"], rows)
    return f"One query per request; bare {_ms(arm['bare_single_seconds']['median'])} ms.\n\n{table}"


def _overload(arm: dict[str, Any]) -> str:
    one = arm["overload"]
    lost = one["num_requests"] - one.get("status_200", 0) - one.get("status_503", 0)
    return (
        f"Overload: {one['offered_queries_per_second']:.0f} queries/s offered, ten times the capacity of "
        f"{one['capacity_queries_per_second']:.0f}: {one['num_requests']} requests of 64, "
        f"{one.get('status_200', 0)} answered, {one.get('status_503', 0)} told 503, {lost} lost; "
        f"{one['queries_per_second']:.0f} queries/s answered, p99 {_ms(one['p99_seconds'] or 0)} ms; RAM "
        f"{_mib(one['ram_before_bytes'])} before and {_mib(one['ram_after_bytes'])} after; "
        f"{'the same processes' if one['is_same_processes'] else 'a worker was replaced'}.\n"
    )


def _workers(arm: dict[str, Any]) -> str:
    rows = [
        [str(one["workers"]), _mib(one["ram_bytes"]), _mib(one["promised_bytes"])] for one in arm["workers"]
    ]
    first, last = arm["workers"][0], arm["workers"][-1]
    each = (last["ram_bytes"] - first["ram_bytes"]) / (last["workers"] - first["workers"])
    table = markdown_table(["workers", "RAM (sum of PSS)", "promised"], rows)
    return f"{table}\nEach further worker: {_mib(each)}.\n"


def _mib(num_bytes: float) -> str:
    return f"{num_bytes / 2**20:.0f} MiB"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"
