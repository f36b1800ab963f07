"""The plan as JSON, for programs."""

from __future__ import annotations

from typing import Any

from xclass.projection.estimate import Estimate


def as_json(estimate: Estimate) -> dict[str, Any]:
    """All figures."""
    return {}
