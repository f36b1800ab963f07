"""The plan as JSON, for programs: every figure of the text, bytes and seconds as plain numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from xclass.projection.estimate import Estimate, MethodEstimate
from xclass.projection.phase_estimate import PhaseEstimate
from xclass.projection.spread import Spread
from xclass.report.plan_table import verdict
from xclass.sizing.choice import Choice

_SCHEMA_VERSION = 1
_ENDS = ("low_seconds", "seconds", "high_seconds")


def as_json(estimate: Estimate) -> dict[str, Any]:
    """One object; a value that is not known is null."""
    seconds = estimate.seconds
    return {
        "schema_version": _SCHEMA_VERSION,
        "verdict": verdict(estimate),
        "fits": estimate.fits,
        "classes": estimate.config.classes,
        "dim": estimate.config.dim,
        "data": estimate.config.data.name,
        "place": asdict(estimate.place),
        "methods": [_method(method) for method in estimate.methods],
        "experiment": None if seconds is None else dict(zip(_ENDS, seconds, strict=True)),
        "naive": {
            "weights_bytes": estimate.naive.weights_bytes,
            "training_bytes": estimate.naive.training_bytes,
            "data_bytes": estimate.naive.data_bytes,
        },
        "has_runs": estimate.has_runs,
        "times_measured_on": estimate.reference_words,
    }


def _method(method: MethodEstimate) -> dict[str, Any]:
    duration = method.duration
    return {
        "name": method.name,
        "method": method.method,
        "fits": method.fits,
        "phases": [_phase(phase) for phase in method.phases],
        "advice": method.advice,
        "leaner": [one.words for one in method.leaner],
        "cheaper": [one.words for one in method.cheaper],
        "saved_bytes": method.saved_bytes,
        "largest_classes": asdict(method.capacity),
        "fit_server": _server(method.fit_server),
        "spread": None if method.spread is None else _spread(method.spread),
        "shards": method.shards,
        "serve_server": _server(method.serve_server),
        "epoch_steps": method.epoch_steps,
        "budget_steps": method.budget_steps,
        "experiment": None if duration is None else asdict(duration.value),
    }


def _phase(phase: PhaseEstimate) -> dict[str, Any]:
    projected = asdict(phase.projected)
    # A variant that was not measured lies infinitely far: JSON has no word for it.
    is_measured = projected["extrapolation"] != float("inf")
    return projected | {
        "extrapolation": projected["extrapolation"] if is_measured else None,
        "required_bytes": phase.required_bytes,
        "promised_bytes": phase.promised_bytes,
        "fits": phase.shortage is None,
        "shortage": phase.shortage,
        "missing_bytes": phase.missing_bytes,
        "is_tight": phase.is_tight,
        "is_from_disk": phase.is_from_disk,
    }


def _spread(spread: Spread) -> dict[str, Any]:
    """Machines with a rank on each: bytes of one of them, and of all ranks in a step."""
    return asdict(spread.cluster) | {
        "network_seconds": spread.cluster.network_seconds,
        "step_seconds": None if spread.step_seconds is None else asdict(spread.step_seconds),
        "is_network_bound": spread.is_network_bound,
        "server": _server(spread.server),
        "usd_per_month": spread.usd_per_month,
    }


def _server(choice: Choice) -> dict[str, Any]:
    return {
        "needed_bytes": choice.needed_bytes,
        "gpu_bytes": choice.gpu_bytes,
        "server": None if choice.server is None else asdict(choice.server),
        "usd_per_month": choice.usd_per_month,
        "words": choice.words,
    }
