"""How a run uses ``data=lemmas``: prepare the cache once, open it in every child (see data/registry.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xclass.data.lemmas.config import LemmasConfig
from xclass.data.lemmas.prepare import prepare as prepare_cache
from xclass.data.lemmas.source import LemmasSource


def prepare(
    config: LemmasConfig,
    *,
    num_classes: int | None,
    dim: int,
    seed: int,
    progress: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Make sure the cache exists and state the facts of the chosen classes."""
    folder = prepare_cache(config.cache_folder(), progress=progress)
    return LemmasSource(folder, num_classes=num_classes, seed=seed).facts() | {"folder": str(folder)}


def open_source(
    config: LemmasConfig, *, num_classes: int, dim: int, seed: int, facts: dict[str, Any]
) -> LemmasSource:
    """The source over the prepared cache."""
    return LemmasSource(Path(facts["folder"]), num_classes=num_classes, seed=seed)
