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
        ConfigError: of so few classes there is nothing to ask a classifier.
    """
    folder = prepare_tables(config, progress=progress)
    source = TextSource(folder, num_classes=num_classes, seed=seed)
    if source.num_test == 0:
        raise ConfigError(
            "classes",
            num_classes,
            allowed="so many that a test example has one of them; none has one of these",
            remedy="raise it or leave it out",
        )
    return source.facts() | {"folder": str(folder)}


def open_source(
    config: TextConfig, *, num_classes: int, dim: int, seed: int, facts: dict[str, Any]
) -> TextSource:
    """The source over the prepared folder."""
    return TextSource(Path(facts["folder"]), num_classes=num_classes, seed=seed)
