"""What is asked of measured runs: every variant with its own settings, those named replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import Any

from xclass.cli.explain import is_for_hydra, split_word
from xclass.cli.overrides import normalise_overrides
from xclass.cli.run_words import compose_config
from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.projection.variants import variant_of

_GROUPS = ("data", "index")
_METHODS = "methods"


def targets(
    configs: Mapping[str, tuple[RunConfig, str]], words: Sequence[str]
) -> list[tuple[RunConfig, str]]:
    """Config and method of everything that is to be projected, each variant once.

    Args:
        configs: variant -> (config of its largest measured run, method).
        words: settings of a run, as typed.

    Raises:
        ConfigError: a word that no run could have, runs of several data sources without ``data=``, or a word
            for a data source that they do not have.
    """
    normalised = normalise_overrides(list(words))
    named = dict(split_word(word) for word in normalised)
    for key, value in named.items():
        if is_for_hydra(key) or key == "experiment":
            raise ConfigError(key, value, allowed="a setting of a run", remedy="name its settings one by one")
    sources = list(dict.fromkeys(config.data.name for config, _ in configs.values()))
    if "data" not in named and len(sources) > 1:
        raise ConfigError(
            "runs", ", ".join(sources), allowed="runs of one data source, or one that is named",
            remedy=f"add data={sources[0]}",
        )  # fmt: skip
    source = named.get("data", sources[0])
    composed = compose_config([*normalised, *([] if "data" in named else [f"data={source}"])])
    changes = _changes(composed, [key for key in named if key != _METHODS])
    asked = composed.methods if _METHODS in named else list(dict.fromkeys(m for _, m in configs.values()))
    found: dict[str, tuple[RunConfig, str]] = {}
    for config, method in _of_methods(configs, asked, source):
        changed = _replaced(config, changes)
        found.setdefault(variant_of(changed, method), (changed, method))
    return list(found.values())


def _of_methods(
    configs: Mapping[str, tuple[RunConfig, str]], methods: Sequence[str], source: str
) -> Iterator[tuple[RunConfig, str]]:
    """Measured variants of each method, on that data if there are any; else whichever config."""
    of_source = [one for one in configs.values() if one[0].data.name == source] or list(configs.values())
    for method in methods:
        own = [one for one in of_source if one[1] == method]
        yield from own or [(of_source[0][0], method)]


def _changes(composed: RunConfig, keys: Sequence[str]) -> dict[str, Any]:
    """Nested keys -> the values that were named; a group is replaced whole, its own keys in it."""
    changes: dict[str, Any] = {name: getattr(composed, name) for name in _GROUPS if name in keys}
    for key in keys:
        *sections, last = key.split(".")
        if key in _GROUPS or (sections and sections[0] in changes and is_dataclass(changes[sections[0]])):
            continue
        value: Any = composed
        place = changes
        for section in sections:
            value, place = getattr(value, section), place.setdefault(section, {})
        place[last] = getattr(value, last)
    return changes


def _replaced(section: Any, changes: Mapping[str, Any]) -> Any:
    """The section with all changes at once, so that no state between them is judged."""
    values = {
        name: _replaced(getattr(section, name), value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    return replace(section, **values)
