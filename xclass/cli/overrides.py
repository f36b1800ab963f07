"""Command-line words before Hydra sees them: counts in every spelling, mistakes answered in one line.

Stock Hydra refuses ``+classes=5e6`` when the key exists and makes a float of ``classes=5e6``; here every
spelling of a whole number is the same int, in single runs and in sweeps.
"""

from __future__ import annotations

import re

from xclass.errors import ConfigError
from xclass.units import parse_count

_COUNT_KEYS = ("classes", "budget.examples")
"""Keys whose values may be written 5e6, 5M, 5_000_000 or int(5e6)."""
_COMMA_KEY = "index.factory"
"""Its values hold commas (IVF1024,SQ8), which mean a sweep only in a command that sweeps."""
_SHORT = {"path": "data.path", "test": "data.test_path"}
"""Words that stand for a key of the data source."""
_LITERAL_KEYS = frozenset(
    (
        *_SHORT.values(),
        "data.classes_path",
        "data.test_classes_path",
        "data.vector_column",
        "data.text_column",
        "data.class_column",
        "data.class_separator",
        "data.delimiter",
    )
)
"""Their values may hold what Hydra's grammar has another meaning for: commas, brackets, spaces."""
_OVERRIDE = re.compile(r"^(?P<prefix>\+{0,2})(?P<key>[A-Za-z_][\w.]*)=(?P<value>.*)$", re.DOTALL)
_CHOICE = re.compile(r"^choice\((?P<values>.*)\)$", re.DOTALL)
_ALLOWED = "a whole number of at least 1, such as 5000000, 5_000_000, 5e6, 5M or int(5e6)"


def normalise_overrides(words: list[str]) -> list[str]:
    """Rewrite the counts among command-line words and take the leading ``+`` off known and unknown keys.

    Args:
        words: ``sys.argv[1:]``.

    Returns:
        The same words, with ``+classes=5e6`` as ``classes=5000000`` and ``classes=1e5,1e6`` item by item.

    Raises:
        ConfigError: a value that is no whole number.
    """
    is_sweep = "-m" in words or "--multirun" in words
    return [_normalise(word, is_sweep=is_sweep) for word in words]


def _normalise(word: str, *, is_sweep: bool) -> str:
    match = _OVERRIDE.match(word)
    if match is None or match["key"].startswith("hydra."):
        return word
    key, value = _SHORT.get(match["key"], match["key"]), match["value"].strip()
    if key in _LITERAL_KEYS:
        return f"{key}={_literal(value, is_sweep=is_sweep)}"
    if key == _COMMA_KEY and "," in value and not is_sweep and value[0] not in "'\"":
        return f'{key}="{value}"'
    if key not in _COUNT_KEYS:
        # There is nothing to append to: every key exists, and one that does not is an error by name.
        return f"{key}={match['value']}"
    if value.lower() in ("null", "none"):
        return f"{key}=null"
    if value.startswith(("range(", "glob(", "interval(", "int(interval(", "$")):
        return f"{key}={value}"
    if choice := _CHOICE.match(value):
        return f"{key}=choice({_counts(key, choice['values'])})"
    return f"{key}={_counts(key, value)}"


def _literal(value: str, *, is_sweep: bool) -> str:
    """A text in quotes, unless it has them, is none, or is one of several of a sweep."""
    if value in ("", "null") or value[0] in "'\"" or value.startswith("${") or (is_sweep and "," in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _counts(key: str, text: str) -> str:
    return ",".join(str(_count(key, item)) for item in text.split(","))


def _count(key: str, item: str) -> int:
    text = item.strip().strip("'\"")
    if text == "0" and key != "classes":
        return 0
    try:
        return parse_count(text)
    except ValueError as error:
        reason = str(error)
    except ArithmeticError:
        reason = "beyond every limit"
    allowed = _ALLOWED if key == "classes" else f"0 or {_ALLOWED}"
    raise ConfigError(key, text or "(nothing)", allowed=allowed, remedy=f"it is {reason}; try {key}=1e5")
