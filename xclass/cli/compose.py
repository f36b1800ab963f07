"""From command-line words to checked configuration objects, with every mistake as one line.

Hydra would report most mistakes over several lines and exit with 1; a comparison that runs for an hour must
refuse its words at once. So every job of the command is composed here first, and only then Hydra runs it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import xclass
from xclass.config import RunConfig
from xclass.data.registry import DATA_CONFIGS
from xclass.errors import ConfigError, XclassError

_MAX_CHECKED_JOBS = 200
"""Jobs of a sweep that are composed before it starts; a longer sweep is checked job by job as it runs."""


def config_dir() -> Path:
    """Where ``config.yaml`` lies: inside an installed package, or beside it in a checkout.

    Raises:
        XclassError: neither exists, so the installation is damaged.
    """
    package = Path(xclass.__file__).parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise XclassError(f"{package}: no conf/config.yaml in it or beside it; install xclass again")


def to_run_config(config: DictConfig) -> RunConfig:
    """The one conversion from Hydra's tree to plain dataclasses; their checks run here."""
    converted = OmegaConf.to_object(config)
    assert isinstance(converted, RunConfig)
    return converted


def check_overrides(overrides: list[str], *, is_sweep: bool) -> None:
    """Compose every job that these overrides ask for and throw the result away.

    Args:
        overrides: words after :func:`xclass.cli.overrides.normalise_overrides`.
        is_sweep: the command has ``--multirun``.

    Raises:
        ConfigError: the first mistake found, as one line.
    """
    for job in _jobs(overrides, is_sweep=is_sweep):
        try:
            with initialize_config_dir(str(config_dir()), version_base="1.3", job_name="xclass"):
                to_run_config(compose("config", overrides=job))
        except (HydraException, OmegaConfBaseException) as error:
            raise _explain(error, job) from None


def _jobs(overrides: list[str], *, is_sweep: bool) -> Iterator[list[str]]:
    """The overrides of each job, sweeps spelled out as Hydra's basic sweeper does."""
    choices: list[list[str]] = []
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise ConfigError(
            "command line", " ".join(overrides), allowed="words of the form key=value",
            remedy=_first_line(error),
        ) from None  # fmt: skip
    for word, override in zip(overrides, parsed, strict=True):
        if not override.is_sweep_override():
            choices.append([word])
            continue
        if not is_sweep:
            key = override.get_key_element()
            raise ConfigError(
                key, word.partition("=")[2], allowed="one value per run",
                remedy="add -m to sweep over several",
            )  # fmt: skip
        name = override.get_key_element()
        choices.append([f"{name}={value}" for value in override.sweep_string_iterator()])
    for number, job in enumerate(product(*choices)):
        if number >= _MAX_CHECKED_JOBS:
            return
        yield list(job)


def _explain(error: Exception, job: list[str]) -> ConfigError:
    """One line for what Hydra or OmegaConf says in several."""
    text = str(error)
    for word in job:
        key, _, value = word.lstrip("+~").partition("=")
        if key == "data" and value not in DATA_CONFIGS:
            return ConfigError("data", value, allowed=", ".join(DATA_CONFIGS), remedy="e.g. data=lemmas")
    for word in job:
        key, _, value = word.lstrip("+~").partition("=")
        if _is_unknown(key):
            close = difflib.get_close_matches(key, _all_keys(), n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else "see python -m xclass --help"
            return ConfigError(
                key, value, allowed="a key that exists", remedy=f"there is none of this name; {hint}"
            )
    full_key = _full_key(error, text)
    for word in job:
        key, _, value = word.lstrip("+~").partition("=")
        if key == full_key:
            return ConfigError(key, value, allowed=_allowed(error), remedy=_first_line(error))
    return ConfigError(
        full_key or "command line", " ".join(job), allowed="see --help", remedy=_first_line(error)
    )


def _full_key(error: Exception, text: str) -> str:
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    if key:
        return str(key)
    for line in text.splitlines():
        if "full_key:" in line:
            return line.partition("full_key:")[2].strip()
    return ""


def _allowed(error: Exception) -> str:
    reference = getattr(error, "ref_type_str", None) or getattr(error.__cause__, "ref_type_str", None)
    return f"a value of type {reference}" if reference else "another kind of value"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error.__cause__ or error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _is_unknown(key: str) -> bool:
    if key in ("data", "experiment") or key.startswith("hydra"):
        return False
    return key.partition("@")[0] not in _all_keys()


def _all_keys() -> set[str]:
    keys = set(_keys_of(RunConfig(), ""))
    for config in DATA_CONFIGS.values():
        keys |= set(_keys_of(config(), "data."))
    return keys | {"data", "experiment"}


def _keys_of(section: Any, prefix: str) -> Iterator[str]:
    for field in fields(section):
        value = getattr(section, field.name)
        yield f"{prefix}{field.name}"
        if is_dataclass(value):
            yield from _keys_of(value, f"{prefix}{field.name}.")
