"""What the commands that look ahead share: words of their own, folders of runs, and settings of a run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from xclass.cli.compose import compose_jobs
from xclass.cli.explain import all_settings
from xclass.cli.overrides import normalise_overrides
from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.schemas import register_schemas


def take_words(words: list[str], allowed: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Sort a command line into words of the command itself and settings of a run.

    Args:
        words: ``key=value``, a leading ``+`` allowed.
        allowed: words of the command with their defaults.

    Returns:
        Every word of ``allowed`` with what was given, and the other words in their order.

    Raises:
        ConfigError: a word of the command twice, or one that is no setting but nearly one of the command.
    """
    values, rest = dict(allowed), []
    seen: set[str] = set()
    for word in words:
        key, equals, value = word.partition("=")
        name = key.lstrip("+")
        if name not in allowed or not equals:
            _check_spelling(name, value, allowed)
            rest.append(word)
            continue
        if name in seen:
            raise ConfigError(name, value, allowed="once", remedy=f"take one {name}= out")
        seen.add(name)
        values[name] = value.strip()
    return values, rest


def parse_runs(text: str) -> list[Path]:
    """Folders of runs or sweeps: ``A,B``; none of an empty text.

    Raises:
        ConfigError: an empty name among them, or no such folder: that is a mistake of the command, not of the
            records.
    """
    names = [name.strip() for name in text.split(",")] if text else []
    if not all(names):
        raise ConfigError("runs", text, allowed="folders such as outputs/A,outputs/B", remedy="name each")
    folders = []
    for name in names:
        folder = find_path(name)
        if folder is None or not folder.is_dir():
            raise ConfigError(
                "runs", name, allowed="folders of runs or sweeps", remedy="there is no such folder"
            )
        folders.append(folder)
    return folders


def find_path(name: str) -> Path | None:
    """What lies at a path, ``~`` understood; None where nothing does, or nothing that may be looked at."""
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError):  # a name that is too long; ~ of nobody
        return None


def parse_switch(key: str, text: str) -> bool:
    """``true`` or ``false``.

    Raises:
        ConfigError: anything else.
    """
    if text not in ("true", "false"):
        raise ConfigError(key, text, allowed="true or false", remedy="leave it out for false")
    return text == "true"


def compose_config(words: list[str]) -> RunConfig:
    """Settings of one run from the words of a command line.

    Raises:
        ConfigError: the first mistake found, as one line.
    """
    register_schemas()
    (config,) = compose_jobs(normalise_overrides(words), is_sweep=False)
    return config


def _check_spelling(name: str, value: str, allowed: Mapping[str, str]) -> None:
    if name in all_settings():
        return
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.7)
    if close and not difflib.get_close_matches(name, list(all_settings()), n=1, cutoff=0.7):
        raise ConfigError(
            name,
            value,
            allowed="a key that exists",
            remedy=f"there is none of this name; did you mean {close[0]}?",
        )
