"""How a run uses ``data=xmc``: read the files once, open what was made of them in every child."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xclass.data.xmc.config import XmcConfig
from xclass.data.xmc.prepare import prepare as prepare_folder
from xclass.data.xmc.source import XmcSource


def prepare(
    config: XmcConfig,
    *,
    num_classes: int | None,
    dim: int,
    seed: int,
    progress: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Make sure that the prepared folder exists and state the facts of the chosen classes."""
    folder = prepare_folder(config, progress)
    return XmcSource(folder, num_classes=num_classes, seed=seed).facts() | {"folder": str(folder)}


def open_source(
    config: XmcConfig, *, num_classes: int, dim: int, seed: int, facts: dict[str, Any]
) -> XmcSource:
    """The source over the prepared folder."""
    return XmcSource(Path(facts["folder"]), num_classes=num_classes, seed=seed)
