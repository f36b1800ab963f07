"""The methods as estimators in the manner of scikit-learn: ``SparseMeans().fit(texts, classes)``.

The same classifiers, encoders and saved models as a measured run, in this process and on data in memory.
Nothing is measured here.
"""

from __future__ import annotations

from typing import Any

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.estimators.making import estimator_name, make_estimator

ESTIMATORS: dict[str, type[Any]] = {
    estimator_name(method): make_estimator(method) for method in METHOD_CONFIGS
}
"""Name of the class (``SampledSoftmax``) -> the class, one per method."""

globals().update(ESTIMATORS)
__all__ = ["ESTIMATORS", *ESTIMATORS]


def __getattr__(name: str) -> Any:
    """No estimator of this name.

    Raises:
        AttributeError: names those that there are.
    """
    raise AttributeError(f"xclass has no estimator {name!r}; there are {', '.join(ESTIMATORS)}")
