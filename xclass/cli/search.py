"""The best run so far of a sweep that searches, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from xclass.config import from_dict
from xclass.errors import XclassError
from xclass.objective.config import ObjectiveConfig
from xclass.objective.value import objective_value
from xclass.records.store import read_records, run_folders
from xclass.units import format_decimal_bytes

_OVERRIDES = Path(".hydra") / "overrides.yaml"


def best_line(sweep_dir: Path) -> str:
    """Which run of a sweep is worth most, of those that keep to the limit.

    Args:
        sweep_dir: runs lie below it; each is judged by the objective of its own records.
    """
    best, line = 0.0, "best so far: none keeps to the limit"
    for folder in run_folders(sweep_dir):
        records = read_records(folder, damaged=[])
        objective = _objective(records[0].config if records else {})
        found = objective_value(records, objective)
        if found.is_within and (found.value > best or line.endswith("limit")):
            best = found.value
            limit = f" of {objective.serving_ram} allowed" if objective.serving_ram else ""
            line = (
                f"best so far: run {folder.relative_to(sweep_dir)}, {found.method}: {objective.metric} "
                f"{best:.4f}, serve peak {format_decimal_bytes(found.peak_bytes)}{limit}; {_words(folder)}"
            )
    return line


def _objective(config: dict[str, Any]) -> ObjectiveConfig:
    try:
        objective = from_dict(ObjectiveConfig, config.get("objective") or {})
    except (AssertionError, TypeError, XclassError):  # of another version
        return ObjectiveConfig()
    assert isinstance(objective, ObjectiveConfig)
    return objective


def _words(folder: Path) -> str:
    """What the run was asked for, as Hydra noted it."""
    try:
        words = yaml.safe_load((folder / _OVERRIDES).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return "its words are not on record"
    return " ".join(str(word) for word in words or [])
