"""Which package a launcher or sweeper of Hydra comes from: one that is not installed is answered by name."""

from __future__ import annotations

import re

from xclass.errors import ConfigError

_EXTRAS = {
    "hydra/launcher": {
        "basic": "",
        "one_machine": "joblib",
        "joblib": "joblib",
        "slurm": "submitit",
        "slurm_rehearsal": "submitit",
        "submitit_local": "submitit",
        "submitit_slurm": "submitit",
        "ray_cluster": "ray",
        "ray": "ray",
        "ray_aws": "ray",
    },
    "hydra/sweeper": {"basic": "", "optuna": "optuna"},
}
"""Group -> choice -> extra of xclass that brings it; empty: it is there."""
_MISSING = re.compile(r"Could not (?:find|load) '(hydra/launcher|hydra/sweeper)/([^']*)'")

PLUGIN_GROUPS = tuple(_EXTRAS)


def missing_plugin(message: str, words: dict[str, str]) -> ConfigError | None:
    """One line for what Hydra says of a launcher or sweeper that it cannot find.

    Args:
        message: of Hydra.
        words: key -> value, as typed.

    Returns:
        None where the message is of something else.
    """
    found = _MISSING.search(message)
    if found is None:
        return None
    group, name = found[1], found[2]
    extra = _EXTRAS[group].get(name)
    return ConfigError(
        group,
        words.get(group, name),
        allowed=", ".join(_EXTRAS[group]),
        remedy=f"pip install 'xclass[{extra}]'" if extra else "choose one, or leave it out for basic",
    )
