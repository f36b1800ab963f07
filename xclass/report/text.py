"""Pieces of Markdown, and numbers with no more digits than they carry.

Whatever comes from data, config or an exception passes through :func:`escape`, :func:`code`, :func:`link`
or :func:`fence`, so that it can neither break a table nor smuggle HTML into a page that is sent to a client.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import floor, log10
from typing import Any
from urllib.parse import quote

from xclass.units import percent_decimals
from xclass.units import share_with_interval as share_with_interval  # the demo's page shows it too

_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        # An entity, because a backslash before a pipe means one thing in a table and another outside.
        "|": "&#124;",
        **{character: "\\" + character for character in "\\`*[]~$"},
    }
)
# dense_softmax needs none: an underscore between letters is no emphasis.
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# Where an item of a list begins: a heading, another list, a rule, a number of a list.
_BEGINS_A_BLOCK = re.compile(r"^(\d*)(?=(?:[#+-]+|(?<=\d)[.)])(?:\s|$))")
_UNSAFE_IN_CODE = re.compile(r"[|`<>&\\]")


def clean(text: object) -> str:
    """The text on one line, without control characters (terminal escapes, text direction)."""
    said = str(text)
    if not said.isprintable():
        said = "".join(c if c.isprintable() else " " for c in said)
    return said.strip()


def escape(text: object) -> str:
    """The text as Markdown that shows it as it is, on one line."""
    shown = _BEGINS_A_BLOCK.sub(r"\1\\", clean(text).translate(_ESCAPES))
    return _EDGE_UNDERSCORE.sub(r"\\_", shown)


def code(text: object) -> str:
    """The text as inline code where that is safe in a table cell too, else escaped."""
    cleaned = clean(text)
    return escape(cleaned) if not cleaned or _UNSAFE_IN_CODE.search(cleaned) else f"`{cleaned}`"


def link(label: object, path: str) -> str:
    """A link that stays below the report's folder, whatever the path says."""
    inside = "/".join(part for part in clean(path).split("/") if part not in ("", ".", ".."))
    return f"[{escape(label)}]({quote(inside)})"


def fence(text: str, language: str) -> str:
    """A fenced block that no line of the text can close."""
    lines = [clean_line(line) for line in text.splitlines()]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    marks = "`" * max(3, longest + 1)
    return "\n".join([marks + language, *lines, marks])


def clean_line(line: str) -> str:
    """The line with its indent, without control characters."""
    return "".join(c if c.isprintable() else " " for c in line).rstrip()


def plain_text(text: str) -> str:
    """Lines without control characters, each with its indent."""
    return "\n".join(clean_line(line) for line in text.split("\n"))


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    num_text_columns: int,
    text_columns: Collection[str] = (),
) -> str:
    """A Markdown table.

    Args:
        headers: one per column.
        rows: cells, already escaped.
        num_text_columns: how many columns from the left are text; the others are aligned as numbers.
        text_columns: headers of further columns that are text.
    """
    rules = [
        "---" if i < num_text_columns or header in text_columns else "---:"
        for i, header in enumerate(headers)
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headers, rules, *rows))


def flatten(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted keys: ``{"cpu": {"model": "x"}}`` becomes ``{"cpu.model": "x"}``."""
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def value_text(value: Any) -> str:
    """A JSON value for a table cell: counts with separators, shares as they are, ``-`` for null."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value) or "-"
    return escape(value) or "-"


def points_text(difference: float, error: float) -> str:
    """A difference of two shares in percentage points, with no digit that its error makes meaningless.

    Args:
        difference: of shares.
        error: half of its 95 % interval.

    Returns:
        With its sign and without the word, e.g. ``"-3"`` or ``"+0.4"``.
    """
    return f"{difference * 100:+.{percent_decimals(error)}f}"


def rate_text(per_second: float | None) -> str:
    """Queries per second with three significant digits, ``-`` for None."""
    if per_second is None:
        return "-"
    digits = 2 - floor(log10(per_second)) if per_second > 0 else 0
    return f"{round(per_second, digits):,.{max(0, digits)}f}"


def ratio_text(ratio: float | None) -> str:
    """Measured over predicted, ``-`` for None."""
    return "-" if ratio is None else f"{ratio:.3f}"
