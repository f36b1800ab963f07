"""Rows of JSON Lines: an object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from xclass.data.text.config import TextConfig
from xclass.data.text.rows import RowFilter, Rows
from xclass.errors import DataError


def read_json_lines(lines: Iterator[tuple[int, list[str]]], path: str, config: TextConfig) -> Iterator[Rows]:
    """Rows in chunks; a class may be a text, a whole number or a list of them.

    Args:
        lines: of :func:`xclass.data.text.streams.text_lines`.
        path: for error messages.
        config: names of the keys.

    Raises:
        DataError: a line that is no JSON object, or a value of another kind.
    """
    rows = RowFilter(config, path)
    for first, block in lines:
        numbers = [number for number, line in enumerate(block, first) if line.strip()]
        documents = [_object(block[number - first], f"{path}:{number}") for number in numbers]
        places = [f"{path}:{number}" for number in numbers]
        texts, lists = [], []
        for document, place in zip(documents, places, strict=True):
            texts.append(text_of(_value(document, config.text_column, place), place, config))
            lists.append(names_of(_value(document, config.class_column, place), place, config))
        yield rows.from_lists(numbers, texts, lists)


def text_of(value: Any, place: str, config: TextConfig) -> str:
    """The text of one row; empty for null.

    Raises:
        DataError: it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"{place}: {config.text_column} holds a {type(value).__name__}; write a text")
    return _valid(value, place)


def names_of(value: Any, place: str, config: TextConfig) -> list[str]:
    """The names of the classes of one row; none for null.

    Raises:
        DataError: neither a text nor a whole number nor a list of such.
    """
    names: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            separator = config.class_separator
            names += [_valid(item, place)] if separator is None else _valid(item, place).split(separator)
        elif isinstance(item, int) and not isinstance(item, bool):
            names.append(str(item))
        elif item is not None:
            raise DataError(
                f"{place}: {config.class_column} holds a {type(item).__name__}; write a text, a whole "
                "number, or a list of such"
            )
    return names


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: no JSON: {error}; write one object per line") from error
    if not isinstance(document, dict):
        raise DataError(
            f"{place}: a {type(document).__name__} in place of an object; write one object per line"
        )
    return document


def _value(document: dict[str, Any], column: str, place: str) -> Any:
    if column not in document:
        shown = ", ".join(key[:40] for key in list(document)[:20]) or "nothing"
        raise DataError(
            f"{place}: no {column}; there is: {shown}; name the keys with data.text_column=... "
            "data.class_column=..."
        )
    return document[column]


def _valid(text: str, place: str) -> str:
    """Refuse half of a surrogate pair, which JSON may hold and UTF-8 may not."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: half of a surrogate pair ({error.reason}); write the character") from error
    return text
