"""``seeds=[0,1,2]``: the same run with each of some seeds, and one report with the spread over them.

It is short for a sweep over ``seed``: ``-m seed=0,1,2``.
"""

from __future__ import annotations

from xclass.errors import ConfigError

_KEY = "seeds"
_SWEEPS = ("-m", "--multirun")
_ALLOWED = "two or more different whole numbers in brackets, such as [0,1,2]"


def spread_seeds(words: list[str]) -> list[str]:
    """Rewrite ``seeds=[0,1,2]`` as a sweep over ``seed``; other words stay as they are.

    Args:
        words: as typed.

    Raises:
        ConfigError: no list of seeds, one seed only, one twice, or a ``seed=`` besides.
    """
    given = [word for word in words if word.lstrip("+").partition("=")[0] == _KEY]
    if not given:
        return words
    values = [word.partition("=")[2] for word in given]
    if len(given) > 1:
        raise ConfigError(_KEY, values[1], allowed="once", remedy=f"take one {_KEY}= out")
    for word in words:
        name, _, value = word.lstrip("+").partition("=")
        if name == "seed":
            raise ConfigError("seed", value, allowed=f"nothing beside {_KEY}=", remedy="take seed= out")
    seeds = _parse(values[0])
    rest = [word for word in words if word not in given and word not in _SWEEPS]
    return ["-m", *rest, f"seed={','.join(map(str, seeds))}"]


def _parse(text: str) -> list[int]:
    inside = text.strip().strip("'\"")
    if inside.startswith("[") and inside.endswith("]"):
        inside = inside[1:-1]
    items = [item.strip() for item in inside.split(",")]
    try:
        seeds = [int(item) for item in items]
    except ValueError:
        raise ConfigError(_KEY, text, allowed=_ALLOWED, remedy="try seeds=[0,1,2]") from None
    if len(seeds) < 2:
        raise ConfigError(_KEY, text, allowed=_ALLOWED, remedy=f"a single one is seed={seeds[0]}")
    if len(set(seeds)) < len(seeds):
        raise ConfigError(_KEY, text, allowed=_ALLOWED, remedy="equal seeds repeat a run: measure.repeats=3")
    return seeds
