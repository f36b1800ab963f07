"""Whether the values of a record are of the kinds that its fields say: a report never meets others."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


def check_kinds(value: Any, hint: Any, where: str = "") -> None:
    """Compare a value with a type hint, all the way down; what is ``Any`` is passed over.

    Args:
        value: e.g. a record.
        hint: a dataclass, a union, ``list[...]``, ``dict[str, ...]``, ``tuple[...]`` or a plain class.
        where: name of the value, for the message.

    Raises:
        TypeError: it is of another kind; the message names the place.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or (hint is float and type(value) is int):
        return
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return
        # Every union of the record is "this or None".
        check_kinds(value, next(kind for kind in arguments if kind is not type(None)), where)
        return
    kind = origin or hint
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{where} is {type(value).__name__}, not {getattr(kind, '__name__', kind)}")
    for name, item, item_hint in _parts(value, hint):
        check_kinds(item, item_hint, f"{where}.{name}".lstrip("."))


def _parts(value: Any, hint: Any) -> list[tuple[str, Any, Any]]:
    """Name, value and hint of what lies in a value."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(value):
        return [(name, getattr(value, name), field_hint) for name, field_hint in _hints(hint).items()]
    if origin is list:
        return [(str(index), item, arguments[0]) for index, item in enumerate(value)]
    if origin is tuple:
        return [(str(index), *pair) for index, pair in enumerate(zip(value, arguments, strict=True))]
    return [(key, item, arguments[1]) for key, item in value.items()] if origin is dict else []


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
