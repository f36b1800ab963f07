"""How a saved model is questioned, and what is looked for before its answers are believed.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from xclass.errors import check_range


@dataclass(kw_only=True, slots=True)
class EvaluateConfig:
    """How a saved model is questioned."""

    num_queries: int = 2000
    """Held-out queries for accuracy: a seeded random sample; as many as exist if fewer do."""
    top_k: int = 5
    """Classes returned per query, 1 to 100."""
    batch_size: int = 256
    """Queries of one batch when throughput is measured."""
    single_queries: int = 200
    """Queries asked one at a time for the latency at batch size 1 ..."""
    single_seconds: float = 10.0
    """... or as many as fit in this time."""
    propensity_a: float = 0.55
    """Of the propensity-scored metrics, 0 (all classes count the same) to 2."""
    propensity_b: float = 1.5
    """Likewise, 0 to 100."""
    confidence_threshold: float = 0.95
    """Coverage is the share of queries answered with at least this confidence, 0.5 to 0.999."""
    leakage_seconds: float = 10.0
    """How long training examples are searched for copies of the queries, once per run and not measured, 0 to
    86400; 0: not at all. The record says how many were looked through."""
    advice_points: float = 1.0
    """The method that is advised is the cheapest whose accuracy reaches within so many percentage points of
    the best, 0 to 100."""

    def __post_init__(self) -> None:
        """Refuse settings that would measure nothing.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        _check("num_queries", self.num_queries, 10, 10**7, "2000 gives about +-2 points")
        _check("top_k", self.top_k, 1, 100, "5 is the default")
        _check("batch_size", self.batch_size, 2, 1 << 16, "256 is the default")
        _check("single_queries", self.single_queries, 1, 10**6, "200 is the default")
        _check("single_seconds", self.single_seconds, 0.1, 3600.0, "10 is the default")
        _check("propensity_a", self.propensity_a, 0.0, 2.0, "0.55 is the default")
        _check("propensity_b", self.propensity_b, 0.0, 100.0, "1.5 is the default")
        _check("confidence_threshold", self.confidence_threshold, 0.5, 0.999, "0.95 is the default")
        _check("leakage_seconds", self.leakage_seconds, 0.0, 86400.0, "10 is the default, 0 looks at nothing")
        _check("advice_points", self.advice_points, 0.0, 100.0, "1 is the default")


def _check(key: str, value: float, low: float, high: float, remedy: str) -> None:
    check_range(f"evaluate.{key}", value, low, high, remedy=remedy)
