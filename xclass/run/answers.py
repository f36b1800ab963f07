"""Whether a phase that was repeated gave the answers that were recorded."""

from __future__ import annotations

from pathlib import Path


def compare_answers(recorded_dir: Path, repeated_dir: Path, method: str) -> tuple[int | None, float | None]:
    """Compare classes and their order, query by query.

    Args:
        recorded_dir: of the run.
        repeated_dir: of the repeat, which may have asked fewer of the same queries.
        method: whose answers.

    Returns:
        Queries compared and the share of them with equal answers; (None, None) where the recorded answers
        are gone or the queries are others.
    """
    # Here, because the launcher carries no numpy until a child has ended.
    import numpy as np

    path = Path("answers") / f"{method}.npz"
    if not (recorded_dir / path).is_file():
        return None, None
    with (
        np.load(recorded_dir / path, allow_pickle=False) as recorded,
        np.load(repeated_dir / path, allow_pickle=False) as repeated,
    ):
        num_queries = min(len(recorded["truth_Q"]), len(repeated["truth_Q"]))
        if not np.array_equal(recorded["truth_Q"][:num_queries], repeated["truth_Q"][:num_queries]):
            return None, None
        is_equal = recorded["classes_QK"][:num_queries] == repeated["classes_QK"][:num_queries]
        return num_queries, float(is_equal.all(axis=1).mean())
