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
_OVERRIDE = re.compile(r"^(?P<prefix>\+{0,2})(?P<key>[A-Za-z_][\w.]*)=(?P<value>.*)$", re.DOTALL)
_CHOICE = re.compile(r"^choice\((?P<values>.*)\)$", re.DOTALL)
_ALLOWED = "a whole number of at least 1, such as 5000000, 5_000_000, 5e6, 5M or int(5e6)"


def normalise_overrides(words: list[str]) -> list[str]:
    """Rewrite the counts among command-line words; everything else is passed on untouched.

    Args:
        words: ``sys.argv[1:]``.

    Returns:
        The same words, with ``+classes=5e6`` as ``classes=5000000`` and
        ``classes=1e5,choice...`` item by item.

    Raises:
        ConfigError: a value that is no whole number.
    """
    return [_normalise(word) for word in words]


def _normalise(word: str) -> str:
    match = _OVERRIDE.match(word)
    if match is None or match["key"] not in _COUNT_KEYS:
        return word
    key, value = match["key"], match["value"].strip()
    if value.lower() in ("null", "none"):
        return f"{key}=null"
    if value.startswith(("range(", "glob(", "interval(", "$")):
        return f"{key}={value}"
    if choice := _CHOICE.match(value):
        return f"{key}=choice({_counts(key, choice['values'])})"
    return f"{key}={_counts(key, value)}"


def _counts(key: str, text: str) -> str:
    return ",".join(str(_count(key, item)) for item in text.split(","))


def _count(key: str, item: str) -> int:
    text = item.strip().strip("'\"")
    if text == "0" and key != "classes":
        return 0
    try:
        return parse_count(text)
    except ValueError as error:
        raise ConfigError(
            key, text or "(nothing)", allowed=_ALLOWED, remedy=f"it is {error}; try +{key}=1e5"
        ) from None
