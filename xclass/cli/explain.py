"""What may stand on the command line, said in one line: the dataclasses' types and defaults, in words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from xclass.cli.plugins import missing_plugin
from xclass.config import RunConfig
from xclass.data.registry import DATA_CONFIGS
from xclass.errors import ConfigError

_GROUPS = ("data", "index", "experiment")
_MOVED = {
    f"method.nearest_neighbour.{old}": f"index.{new}"
    for old, new in (("index", "factory"), ("num_probes", "num_probes"), ("search_width", "search_width"))
}
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One key of the configuration tree."""

    hint: Any
    """Its type."""
    default: Any
    data_names: tuple[str, ...] = ()
    """Data sources that have it; empty for a key outside of ``data``."""

    @property
    def is_section(self) -> bool:
        """It holds other keys and no value of its own."""
        return is_dataclass(self.default)

    def allowed(self) -> str:
        """Its type in words."""
        kinds = get_args(self.hint) if get_origin(self.hint) is UnionType else (self.hint,)
        words = " or ".join(_kind_words(kind) for kind in kinds if kind is not NoneType)
        return f"{words} or null" if NoneType in kinds else words

    def remedy(self) -> str:
        """Its default, as it would be typed."""
        if isinstance(self.default, list):
            return f"e.g. [{','.join(self.default)}], the default"
        plain = self.default.value if isinstance(self.default, Enum) else self.default
        typed = json.dumps(plain) if plain is None or isinstance(plain, bool) else plain
        return f"{typed} is the default"


def all_settings() -> dict[str, Setting]:
    """Every key of every data source with what it may hold."""
    settings = {key: found for key, found in _walk(RunConfig(), "") if not key.startswith("data.")}
    for name, config in DATA_CONFIGS.items():
        for key, found in _walk(config(), "data."):
            owners = settings[key].data_names if key in settings else ()
            settings[key] = Setting(hint=found.hint, default=found.default, data_names=(*owners, name))
    return settings


def check_words(job: list[str], choices: dict[str, list[str]]) -> None:
    """Refuse what Hydra would answer at length, or not at all (an experiment that does not exist).

    Args:
        job: ``key=value`` words without a prefix.
        choices: names that exist in the groups ``index`` and ``experiment``.

    Raises:
        ConfigError: a key or a choice that does not exist, or a value for a whole section.
    """
    settings = all_settings()
    words = dict(split_word(word) for word in job)
    for key, value in words.items():
        if key == "data":
            _check_choice(key, value, list(DATA_CONFIGS))
        elif key in choices and (key, value) != ("experiment", "null"):
            _check_choice(key, value, choices[key])
        elif not is_for_hydra(key) and key != "experiment":
            _check_key(key, value, settings)
    _check_data_keys(words, settings)


def explain(error: Exception, job: list[str]) -> ConfigError:
    """One line for what Hydra or OmegaConf says in several."""
    words = dict(split_word(word) for word in job)
    key = _full_key(error)
    setting = all_settings().get(key)
    reason = _first_line(error)
    if (missing := missing_plugin(str(error), words)) is not None:
        return missing
    if setting is not None and setting.data_names and "not in '" in reason:
        # The data source was chosen by an experiment file.
        return _foreign_data_key(key, words.get(key, "..."), setting)
    if setting is not None:
        value = words.get(key, "(from the experiment)")
        remedy = reason if "nterpolation" in reason else setting.remedy()
        return ConfigError(key, value, allowed=setting.allowed(), remedy=remedy)
    for key, value in words.items():
        if is_for_hydra(key) and (key in reason or _last(key) in reason):
            remedy = f"{reason}; ++{key} adds it" if "not in struct" in reason else reason
            return ConfigError(key, value, allowed="a setting of Hydra", remedy=remedy)
    return ConfigError("command line", " ".join(job), allowed="what --help shows", remedy=reason)


def split_word(word: str) -> tuple[str, str]:
    """``key=value`` in two."""
    key, _, value = word.partition("=")
    return key, value


def is_for_hydra(key: str) -> bool:
    """The key belongs to Hydra's own configuration; ``++`` adds one to a dictionary in it."""
    bare = key.lstrip("+")
    return bare == "hydra" or bare.startswith(("hydra.", "hydra/"))


def _check_choice(key: str, value: str, names: list[str]) -> None:
    if value.strip().strip("'\"") not in names:
        allowed = ", ".join(names) or f"nothing: there is no conf/{key}/*.yaml"
        raise ConfigError(
            key, value, allowed=allowed, remedy=_hint(value, names) or "choose one or leave it out"
        )


def _check_key(key: str, value: str, settings: dict[str, Setting]) -> None:
    setting = settings.get(key)
    if setting is None:
        hint = f"it is {_MOVED[key]} now" if key in _MOVED else _hint(key, [*settings, *_GROUPS])
        hint = hint or "see python -m xclass --help"
        raise ConfigError(
            key, value, allowed="a key that exists", remedy=f"there is none of this name; {hint}"
        )
    if setting.is_section:
        first = next(name for name in settings if name.startswith(f"{key}."))
        raise ConfigError(key, value, allowed="its settings one by one", remedy=f"such as {first}=...")


def _check_data_keys(words: dict[str, str], settings: dict[str, Setting]) -> None:
    if "experiment" in words:
        return  # it may choose the data source; composition will tell
    chosen = words.get("data", "synthetic")
    for key, value in words.items():
        if key in settings and settings[key].data_names and chosen not in settings[key].data_names:
            raise _foreign_data_key(key, value, settings[key])


def _foreign_data_key(key: str, value: str, setting: Setting) -> ConfigError:
    owners = " or ".join(f"data={name}" for name in setting.data_names)
    return ConfigError(
        key,
        value,
        allowed=f"a setting of the chosen data; it is one of {owners}",
        remedy=f"add data={setting.data_names[0]} or remove it",
    )


def _hint(text: str, names: list[str]) -> str:
    """``did you mean X?`` where something close exists, or what the section that was meant holds."""
    others = [name for name in names if not text.startswith(f"{name}.")]
    close = difflib.get_close_matches(text, others, n=1, cutoff=0.8)
    section = text
    while not close and "." in section:
        section = section.rpartition(".")[0]
        if children := [_last(name) for name in names if name.rpartition(".")[0] == section]:
            return f"{section} has {', '.join(children)}"
    close = close or difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _walk(section: Any, prefix: str) -> Iterator[tuple[str, Setting]]:
    hints = get_type_hints(type(section))
    for field in fields(section):
        value = getattr(section, field.name)
        yield f"{prefix}{field.name}", Setting(hint=hints[field.name], default=value)
        if is_dataclass(value):
            yield from _walk(value, f"{prefix}{field.name}.")


def _kind_words(kind: Any) -> str:
    if get_origin(kind) is list:
        return "a list in brackets"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(str(member.value) for member in kind)
    return _KINDS.get(kind, "another kind of value")


def _full_key(error: Exception) -> str:
    for source in (error, error.__cause__):
        if key := getattr(source, "full_key", None):
            return str(key)
    for line in str(error).splitlines():
        if "full_key:" in line:
            return line.partition("full_key:")[2].strip()
    return ""


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error.__cause__ or error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
