"""The configuration that a record was measured with, as today's dataclasses, so that today's forms apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import MethodsConfig, RunConfig, from_dict
from xclass.data.registry import DATA_CONFIGS
from xclass.errors import ConfigError, RecordError
from xclass.records.record import Record

_MOVED = {"index": "factory", "num_probes": "num_probes", "search_width": "search_width"}
"""Settings of nearest_neighbour that are settings of the section ``index`` since the index has one."""
_THREADS_VARIABLE = "OMP_NUM_THREADS"


def recorded_config(record: Record, *, source: str = "") -> RunConfig:
    """The settings of one measurement, with the classes and threads that it really had.

    Args:
        record: of any phase but prepare.
        source: names the record in errors; by default its method and phase.

    Raises:
        RecordError: a method, data source or setting that this xclass does not have, so that the closed form
            of what was measured is not known.
    """
    source = source or f"record of {record.method} {record.phase}"
    if record.method not in METHOD_CONFIGS or record.data not in DATA_CONFIGS:
        raise RecordError(
            f"{source}: method={record.method}, data={record.data}: this xclass has "
            f"{', '.join(METHOD_CONFIGS)} and {', '.join(DATA_CONFIGS)}; leave that run out"
        )
    values = _moved(record.config)
    data, method = DATA_CONFIGS[record.data], MethodsConfig
    _check_keys(RunConfig, {key: value for key, value in values.items() if key != "method"}, source)
    _check_keys(method, values.get("method", {}), source, "method.")
    _check_keys(data, values.get("data", {}), source, "data.")
    threads = values.get("threads") or _number(record.environment.get(_THREADS_VARIABLE))
    sections = {
        "data": from_dict(data, values.get("data", {})),
        "method": from_dict(method, values.get("method", {})),
        "classes": record.classes,
        "threads": threads,
    }
    try:
        config: RunConfig = from_dict(RunConfig, values | sections)
    except (ConfigError, TypeError, ValueError) as error:
        raise RecordError(
            f"{source}: its settings cannot be used today: {error}; measure it again"
        ) from error
    return config


def _moved(config: Mapping[str, Any]) -> dict[str, Any]:
    method = dict(config.get("method", {}))
    neighbour = dict(method.get("nearest_neighbour", {}))
    index = {new: neighbour.pop(old) for old, new in _MOVED.items() if old in neighbour}
    if not index:
        return dict(config)
    method["nearest_neighbour"] = neighbour
    return dict(config) | {"method": method, "index": index | config.get("index", {})}


def _check_keys(cls: Any, values: Mapping[str, Any], source: str, prefix: str = "") -> None:
    hints = get_type_hints(cls)
    known = {field.name for field in fields(cls)}
    for key, value in values.items():
        if key not in known:
            raise RecordError(
                f"{source}: setting {prefix}{key}: this xclass has none of this name, so no closed form "
                "for it; use the xclass that wrote it or measure it again"
            )
        if isinstance(value, Mapping) and is_dataclass(hints[key]):
            _check_keys(hints[key], value, source, f"{prefix}{key}.")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and int(text) > 0 else None
