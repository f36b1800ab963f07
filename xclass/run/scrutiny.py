"""After the data is prepared and the meter has read: what to be careful with."""

from __future__ import annotations

from typing import Any

from xclass.config import RunConfig
from xclass.evaluate.leakage import find_cautions
from xclass.records.record import Phase
from xclass.run.events import EventWriter


def send_cautions(entry: Any, config: RunConfig, facts: dict[str, Any], events: EventWriter) -> None:
    """Look at the prepared data, and tell the launcher.

    Args:
        entry: module of the data source.
        config: of the run.
        facts: what preparing found.
        events: of this child.
    """
    source = entry.open_source(
        config.data, num_classes=facts["num_classes"], dim=config.dim, seed=config.seed, facts=facts
    )
    found, leakage = find_cautions(source, config.evaluate, facts=facts, seed=config.seed)
    events.send("cautions", phase=Phase.PREPARE, cautions={"found": found, "leakage": leakage})
