"""The command line of ``python -m xclass.plan``: words of its own, all others are settings of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from xclass.cli.compose import config_dir
from xclass.cli.hardware_words import take_hardware
from xclass.cli.run_words import compose_config, parse_runs, parse_switch, take_words
from xclass.config import RunConfig
from xclass.data.registry import DataConfig
from xclass.errors import ConfigError
from xclass.sizing.hardware import Hardware
from xclass.sizing.naive import DEFAULT_FEATURES
from xclass.units import format_count, parse_bytes, parse_count

HELP = """\
usage: python -m xclass.plan [key=value ...]

What a comparison will need, before it runs and before there is data: RAM, disk and time of every method and
phase, what fits, the largest number of classes that would, how long the experiment takes, and the cheapest
servers that hold training and serving. Runs nothing and loads no engine: seconds.

  python -m xclass.plan +classes=5e6 dim=768                 on this machine
  python -m xclass.plan +classes=5e6 dim=768 ram=64GB        on a machine of 64 GB
  python -m xclass.plan +classes=5e7 dim=128 ram=64GB disk=500GB "methods=[sampled_softmax]"
  python -m xclass.plan +classes=5e8 dim=128 ranks=8 ram=64GB   on 8 machines of 64 GB, a slice on each
  python -m xclass.plan +classes=5e6 indexes=flat,ivf_sq8,pq_fast_scan      kinds of index side by side
  python -m xclass.plan +classes=5e6 runs=outputs/A,outputs/B               by measurements of your own

where
  ram=SIZE           64GB (thousands) or 64GiB (1024s): a machine of so much, its system running;
                     default: what this machine has free now; with ranks=N one of N such machines for each
                     rank, without ram= all of them are on this one
  disk=SIZE          room for the models; default: what is free here, and no limit with ram=
  hardware=NAME      servers to choose from: clouds (default), bare, or a YAML file of your own

what
  classes=, dim=, methods=[...], index=, data=, device=, weights.dtype=, budget.minutes=, batch_size=, ...
                     every setting of a run, as for python -m xclass (see its --help)
  indexes=A,B or all kinds of index to put side by side, one row each
  features=25000     of the naive dense linear model that is shown beside

how well it is known
  runs=A,B           runs or sweeps that were measured: bytes and times are projected from them, with
                     intervals; without them bytes are closed forms, and times those of another machine
  far=true           also beyond 100 times the largest measured size

how much is shown
  details=true       not one screen, but the time of every step and query with its interval, the settings to
                     type for what is leaner, and all of their measurements
  out=FILE.json      write everything there as well

exit codes: 0 all of it fits; 3 something does not; 2 the command is wrong; 1 a run cannot be read.
"""

_DEFAULTS = {
    "ram": "", "disk": "", "runs": "", "far": "false", "indexes": "", "features": str(DEFAULT_FEATURES),
    "details": "false", "out": "",
}  # fmt: skip
_SIZES = "64GB or 500MB (thousands), 64GiB or 512MiB (1024s), 6.4e10 (bytes)"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanWords:
    """One command, checked."""

    config: RunConfig
    """Of the run, its number of classes given."""
    indexes: dict[str, RunConfig]
    """Name of an index -> the same run with it; empty where none was named."""
    ram_bytes: int | None
    disk_bytes: int | None
    hardware: Hardware
    runs: list[Path]
    is_far_allowed: bool
    features: int
    has_details: bool
    """All that is known instead of one screen."""
    out: Path | None


def parse_words(words: list[str]) -> PlanWords:
    """Read the command line.

    Args:
        words: ``sys.argv[1:]``.

    Raises:
        ConfigError: naming key, value, what is allowed and the remedy.
    """
    values, others = take_words(words, _DEFAULTS)
    # Before what takes time: the catalogue is a long file.
    runs, sizes = parse_runs(values["runs"]), {key: _size(key, values[key]) for key in ("ram", "disk")}
    is_far_allowed, has_details = (parse_switch(key, values[key]) for key in ("far", "details"))
    features = _features(values["features"])
    hardware, settings = take_hardware(others)
    return PlanWords(
        config=_with_classes(compose_config(settings)),
        indexes=_indexes(values["indexes"], settings),
        ram_bytes=sizes["ram"],
        disk_bytes=sizes["disk"],
        hardware=hardware,
        runs=runs,
        is_far_allowed=is_far_allowed,
        features=features,
        has_details=has_details,
        out=Path(values["out"]) if values["out"] else None,
    )


def _with_classes(config: RunConfig) -> RunConfig:
    """The same with its number of classes, which the data may decide, and which there must be."""
    data: DataConfig = config.data
    most = data.most_classes
    if most is not None and (config.classes or 0) > most:
        raise ConfigError(
            "classes",
            config.classes,
            allowed=f"2 to {most} for data={config.data.name}",
            remedy="lower it, or use data=synthetic for more",
        )
    return replace(config, classes=config.classes or config.data.default_classes)


def _indexes(text: str, settings: list[str]) -> dict[str, RunConfig]:
    """One configuration for each kind of index that was named."""
    if not text:
        return {}
    known = sorted(path.stem for path in (config_dir() / "index").glob("*.yaml"))
    names = known if text == "all" else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise ConfigError("indexes", name or "(nothing)", allowed=f"all, or some of {', '.join(known)}",
                              remedy="e.g. indexes=flat,ivf_sq8")  # fmt: skip
    if any(word.lstrip("+").startswith("index=") for word in settings):
        raise ConfigError("indexes", text, allowed="indexes= or index=", remedy="take one of them out")
    return {
        name: _with_classes(compose_config([*settings, f"index={name}"])) for name in dict.fromkeys(names)
    }


def _size(key: str, text: str) -> int | None:
    if not text:
        return None
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise ConfigError(key, text, allowed=_SIZES, remedy=f"{error}; try {key}=64GB") from None


def _features(text: str) -> int:
    try:
        return parse_count(text)
    except ValueError as error:
        raise ConfigError(
            "features", text or "(nothing)", allowed="a whole number of at least 1",
            remedy=f"it is {error}; {format_count(DEFAULT_FEATURES)} is the default",
        ) from None  # fmt: skip
