"""From command-line words to checked configuration objects, with every mistake as one line.

Hydra would report most mistakes over several lines and exit with 1; a comparison that runs for an hour must
refuse its words at once. So every job of the command is composed here first, and only then Hydra runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import xclass
from xclass.cli.explain import all_settings, check_words, explain, split_word
from xclass.config import RunConfig
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Jobs:
    """Every job that a command asks for, composed and checked."""

    configs: list[RunConfig]
    """The first 200 at most; of a search the corners and choices of its space."""
    num_jobs: int
    hydra: DictConfig | None
    """Hydra's own settings; None of a single run."""

    @property
    def is_search(self) -> bool:
        """A sweeper chooses the jobs, each by what the ones before came to."""
        return self.hydra is not None and "n_trials" in self.hydra.sweeper


def check_overrides(overrides: list[str], *, is_sweep: bool, extra_dir: str | None = None) -> Jobs:
    """Compose every job that these overrides ask for, and look for its files.

    Args:
        overrides: words after :func:`xclass.cli.overrides.normalise_overrides`.
        is_sweep: the command has ``--multirun``.
        extra_dir: Hydra's ``--config-dir``: more experiments.

    Raises:
        ConfigError: the first mistake found, as one line.
    """
    hydra, words = None, overrides
    if is_sweep:
        hydra = _hydra_settings(overrides, extra_dir=extra_dir)
        words = _with_params(overrides, hydra)
    is_search = hydra is not None and "n_trials" in hydra.sweeper
    configs = []
    for config in compose_jobs(words, is_sweep=is_sweep, is_search=is_search, extra_dir=extra_dir):
        config.data.check_files()
        configs.append(config)
    if hydra is None:
        return Jobs(configs=configs, num_jobs=1, hydra=None)
    if is_search:
        return Jobs(configs=configs, num_jobs=int(hydra.sweeper.n_trials), hydra=hydra)
    with _hydra():
        num_jobs = prod(len(choices) for choices in _spread(words, is_sweep=True, is_search=False))
    return Jobs(configs=configs, num_jobs=num_jobs, hydra=hydra)


def compose_jobs(
    overrides: list[str], *, is_sweep: bool, is_search: bool = False, extra_dir: str | None = None
) -> Iterator[RunConfig]:
    """The configuration of every job that these overrides ask for.

    Args:
        overrides: words after :func:`xclass.cli.overrides.normalise_overrides`.
        is_sweep: the command has ``--multirun``.
        is_search: its sweeper takes ``interval(a,b)`` too, whose ends are composed.
        extra_dir: Hydra's ``--config-dir``: more experiments.

    Raises:
        ConfigError: the first mistake found, as one line.
    """
    with _hydra():
        for job in _jobs(overrides, is_sweep=is_sweep, is_search=is_search):
            yield to_run_config(_compose(job, extra_dir))


def _hydra_settings(overrides: list[str], *, extra_dir: str | None) -> DictConfig:
    """What all jobs have under ``hydra``: launcher, sweeper, folders. Swept words do not change it."""
    with _hydra():
        fixed = [word for word in overrides if not _parse(word).is_sweep_override()]
        hydra: DictConfig = _compose(fixed, extra_dir, has_hydra=True).hydra
        return hydra


def _with_params(overrides: list[str], hydra: DictConfig) -> list[str]:
    """The overrides and what the sweeper has besides, from an experiment: the command line wins."""
    given = {split_word(word)[0] for word in overrides}
    params = hydra.sweeper.get("params") or {}
    return [*(f"{key}={params[key]}" for key in params if key not in given), *overrides]


def _hydra() -> AbstractContextManager[None]:
    return initialize_config_dir(str(config_dir()), version_base="1.3", job_name="xclass")


def _compose(job: list[str], extra_dir: str | None, *, has_hydra: bool = False) -> DictConfig:
    """One job; its words are checked first."""
    check_words(job, {group: _choices(group, extra_dir) for group in ("index", "experiment")})
    extra = [f"hydra.searchpath=['file://{Path(extra_dir).absolute()}']"] if extra_dir else []
    try:
        tree = compose("config", overrides=job + extra, return_hydra_config=has_hydra)
        if not has_hydra:
            to_run_config(tree)
        return tree
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, job) from None


def _choices(group: str, extra_dir: str | None) -> list[str]:
    folders = [config_dir(), *([Path(extra_dir)] if extra_dir else [])]
    return sorted(path.stem for folder in folders for path in (folder / group).glob("*.yaml"))


def _jobs(overrides: list[str], *, is_sweep: bool, is_search: bool = False) -> Iterator[list[str]]:
    """The overrides of each job, sweeps spelled out as Hydra's basic sweeper does."""
    choices = _spread(overrides, is_sweep=is_sweep, is_search=is_search)
    for number, job in enumerate(product(*choices)):
        if number >= _MAX_CHECKED_JOBS:
            return
        yield list(job)


def _spread(overrides: list[str], *, is_sweep: bool, is_search: bool) -> list[list[str]]:
    """For each word the words that the jobs have in its place."""
    choices: list[list[str]] = []
    for word in overrides:
        override = _parse(word)
        if not override.is_sweep_override():
            choices.append([word])
            continue
        key, value = split_word(word)
        if not is_sweep:
            raise ConfigError(key, value, allowed="one value per run", remedy=_instead_of_a_sweep(key, value))
        values = _ends(override) if is_search else []
        choices.append([f"{key}={item}" for item in values or _sweep_values(override, key, value)])
    return choices


def _ends(override: Override) -> list[str]:
    """Both ends of an interval; none of what is none."""
    interval = override.value()
    if not override.is_interval_sweep() or not isinstance(interval, IntervalSweep):
        return []
    # Without int(...) around it Hydra's interval is one of floats, and no count.
    return [str(interval.start), str(interval.end)]


def _sweep_values(override: Override, key: str, value: str) -> list[str]:
    reason = "it matches nothing"
    try:
        if values := list(override.sweep_string_iterator()):
            return values
    except HydraException as error:
        reason = str(error).splitlines()[0]
    raise ConfigError(key, value, allowed="values to sweep over, such as 1,2,3", remedy=reason)


def _parse(word: str) -> Override:
    key, value = split_word(word)
    if not key or "=" not in word or key.startswith("~"):
        raise ConfigError(
            "command line",
            word,
            allowed="words of the form key=value",
            remedy="leave a key out to have its default; see python -m xclass --help",
        )
    try:
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        return parser.parse_overrides([word])[0]
    except HydraException:
        raise ConfigError(
            key,
            value,
            allowed="a value without = or open brackets, unless it is in quotes of its own",
            remedy=f"""one setting per word; a text is quoted twice: '{key}="..."'""",
        ) from None


def _instead_of_a_sweep(key: str, value: str) -> str:
    setting = all_settings().get(key)
    if setting is not None and isinstance(setting.default, list):
        return f"write {key}=[{value}], or add -m to sweep over several"
    if setting is not None and setting.allowed().startswith("a text"):
        return f"""add -m to sweep over several, or quote it twice: '{key}="{value}"'"""
    return "add -m to sweep over several"
