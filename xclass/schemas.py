"""Registers the configuration dataclasses with Hydra: the only ConfigStore lines."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from xclass.config import RunConfig
from xclass.data.registry import DATA_CONFIGS


def register_schemas() -> None:
    """Store the root schema and one option per data source."""
    store = ConfigStore.instance()
    store.store(name="schema", node=RunConfig)
    for name, config in DATA_CONFIGS.items():
        store.store(group="data", name=name, node=config)
