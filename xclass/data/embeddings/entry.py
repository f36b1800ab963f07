"""How a run uses ``data=embeddings``: look the files through once, open them in every child."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xclass.data.embeddings.config import EmbeddingsConfig
from xclass.data.embeddings.prepare import prepare as prepare_folder
from xclass.data.embeddings.source import EmbeddingsSource


def prepare(
    config: EmbeddingsConfig,
    *,
    num_classes: int | None,
    dim: int,
    seed: int,
    progress: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Make sure that the prepared folder exists and state the facts of the chosen classes."""
    folder = prepare_folder(config, dim=dim, progress=progress)
    source = EmbeddingsSource(folder, num_classes=num_classes, seed=seed, unit_length=config.unit_length)
    return source.facts() | {"folder": str(folder), "unit_length": config.unit_length}


def open_source(
    config: EmbeddingsConfig, *, num_classes: int, dim: int, seed: int, facts: dict[str, Any]
) -> EmbeddingsSource:
    """The source over the files and the prepared folder."""
    return EmbeddingsSource(
        Path(facts["folder"]), num_classes=num_classes, seed=seed, unit_length=config.unit_length
    )
