"""How a run uses ``data=text``: read the tables once, open the prepared folder in every child."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xclass.data.text.config import TextConfig
from xclass.data.text.prepare import prepare as prepare_tables
from xclass.data.text.source import TextSource
from xclass.errors import ConfigError


def prepare(
    config: TextConfig,
    *,
    num_classes: int | None,
    dim: int,
    seed: int,
    progress: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Make sure the tables are prepared and state the facts of the chosen classes.

    Raises:
        ConfigError: there is nothing to ask a classifier.
    """
    folder = prepare_tables(config, progress=progress)
    source = TextSource(folder, num_classes=num_classes, seed=seed)
    if source.num_test == 0:
        raise ConfigError(
            "data.test_share",
            config.test_share,
            allowed="a share that holds out at least one example of the chosen classes",
            remedy="raise it, or name test examples with test=FILE",
        )
    return source.facts() | {"folder": str(folder)}


def open_source(
    config: TextConfig, *, num_classes: int, dim: int, seed: int, facts: dict[str, Any]
) -> TextSource:
    """The source over the prepared folder."""
    return TextSource(Path(facts["folder"]), num_classes=num_classes, seed=seed)
