"""P@1, P@3 and P@5 of the rivals' answers, with 95 % intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rivals_features import read_part

from xclass.evaluate.intervals import wilson


def score(sample: Path, answers_QK: np.ndarray) -> dict[str, Any]:
    """Precision at 1, 3 and 5, in shares.

    The precision of a query is the share of its first k answers that are right. Its interval is Wilson's
    where it is 0 or 1, else the normal one over queries.

    Args:
        sample: folder of the data set.
        answers_QK: of the first Q test rows, which stand in random order; shape (Q, 5), -1 for none.
    """
    _, truth = read_part(sample, "test")
    truth = truth[: len(answers_QK)]
    rows = np.repeat(np.arange(len(answers_QK)), answers_QK.shape[1])
    found = np.asarray(truth[rows, np.maximum(answers_QK.ravel(), 0)]).ravel() > 0
    hits_QK = (found & (answers_QK.ravel() >= 0)).reshape(answers_QK.shape)
    metrics: dict[str, Any] = {"num_queries": len(answers_QK)}
    for k in (1, 3, 5):
        precision_Q = hits_QK[:, :k].mean(axis=1)
        value, num = float(precision_Q.mean()), len(precision_Q)
        reach = 1.96 * float(precision_Q.std()) / num**0.5
        low, high = wilson(int(hits_QK[:, 0].sum()), num) if k == 1 else (value - reach, value + reach)
        metrics[f"P@{k}"] = {"value": value, "low": low, "high": high}
    return metrics
