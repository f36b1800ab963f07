"""How a run uses ``data=synthetic``: solve for the noise once, open it in every child."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xclass.data.synthetic.bayes import num_groups, solve_noise
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.source import FIRST_TEST_ID, SyntheticSource
from xclass.errors import ConfigError


def prepare(
    config: SyntheticConfig,
    *,
    num_classes: int | None,
    dim: int,
    seed: int,
    progress: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Solve for the noise that gives the asked Bayes accuracy (a second); nothing is stored.

    Raises:
        ConfigError: more examples than there are ids for, or an accuracy that no noise gives.
    """
    chosen = num_classes or config.default_classes
    if chosen * config.examples_per_class > FIRST_TEST_ID:
        raise ConfigError(
            "data.examples_per_class",
            config.examples_per_class,
            allowed=f"1 to {FIRST_TEST_ID // chosen} with {chosen} classes",
            remedy="4 is the default",
        )
    sigma, accuracy = solve_noise(config, chosen, dim)
    progress(1, 1, "noise for the Bayes accuracy")
    return {
        "name": config.name,
        "num_classes": chosen,
        "num_train": chosen * config.examples_per_class,
        "num_test": None,
        "num_groups": num_groups(config, chosen),
        "bayes_accuracy": accuracy,
        "noise_sigma": sigma,
        "split": "held-out examples are drawn afresh from the same law; none is a training example",
    }


def open_source(
    config: SyntheticConfig, *, num_classes: int, dim: int, seed: int, facts: dict[str, Any]
) -> SyntheticSource:
    """The source with the solved noise."""
    return SyntheticSource(config, num_classes=num_classes, dim=dim, seed=seed, sigma=facts["noise_sigma"])
