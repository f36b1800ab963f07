"""What reports rely on inside the free dictionaries of a record; all else in them is the method's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xclass.records.neighbours import NEIGHBOURS_FAILURE, read_neighbours
from xclass.records.record import Record

_Kinds = dict[str, type | tuple[type, ...]]

_NUMBER = (int, float)
_PREDICTED: _Kinds = {
    "base_bytes": int,
    "over_base_bytes": int,
    "peak_bytes": int,
    "regime": str,
    "components": dict,
}
_GPU: _Kinds = {
    "name": str,
    "total_bytes": int,
    "taken_at_end_bytes": int,
    "peak_allocated_bytes": int,
    "peak_reserved_bytes": int,
    "predicted_bytes": int,
}
_MACHINE: _Kinds = {"rss_counter_error_bytes": int, "packages": dict}
_CONDITIONS: _Kinds = {
    "load_average": _NUMBER,
    NEIGHBOURS_FAILURE: str,
    "available_bytes": int,
    "allocator": str,
    "num_threads": int,
    "huge_page_bytes": int,
    "num_major_faults": int,
    "num_involuntary_switches": int,
}
_CONFIG: _Kinds = {"methods": list, "measure": dict}
_LEAKAGE: _Kinds = {
    "num_queries": int,
    "num_examples": int,
    "num_examples_seen": int,
    "seconds": _NUMBER,
    "left_out": str,
}
_DATA_FACTS: _Kinds = {"num_classes": int, "bayes_accuracy": _NUMBER}
_FAILURES = ("cautions_failure", "metrics_failure", "pictures_failure")

_DETAILS: _Kinds = {
    "gpu": dict,
    "leakage": dict,
    "rank_agent_peak_bytes": int,
    "traffic_bytes": int,
    "predicted_step_traffic_bytes": int,
    "steps": int,
    **dict.fromkeys(_FAILURES, str),
}


def check_facts(record: Record) -> None:
    """Refuse a record whose free dictionaries hold other kinds of values than a report can show.

    Raises:
        TypeError: a value is of another kind or missing; the message names its place.
    """
    if record.predicted:
        _check("predicted", record.predicted, _PREDICTED, are_required=True)
        components = record.predicted["components"]
        _check("predicted.components", components, dict.fromkeys(components, int), are_required=True)
    _check("machine", record.machine, _MACHINE)
    _check("conditions", record.conditions, _CONDITIONS)
    read_neighbours(record.conditions)
    _check("config", record.config, _CONFIG)
    _check("data_facts", record.data_facts, _DATA_FACTS)
    _check("details", record.details, _DETAILS)
    if leakage := record.details.get("leakage"):
        _check("details.leakage", leakage, _LEAKAGE)
    if gpu := record.details.get("gpu"):
        _check("details.gpu", gpu, _GPU, are_required=True)


def _check(where: str, found: Mapping[str, Any], kinds: _Kinds, *, are_required: bool = False) -> None:
    """Null is no value, which every reader expects of every key that is not required."""
    if not isinstance(found, Mapping):
        raise TypeError(f"{where} is {type(found).__name__}, not an object")
    for key, kind in kinds.items():
        value = found.get(key)
        if value is None and not are_required:
            continue
        if not isinstance(value, kind) or isinstance(value, bool):
            given = type(value).__name__ if key in found else "missing"
            raise TypeError(f"{where}.{key} is {given}, which no report can show")
