"""xclass: classifiers with millions of classes, and the truth about the server they need.

Importing this package is free: no engine (torch, faiss, numpy) is loaded here. Every method is also an
estimator in the manner of scikit-learn, imported when it is asked for::

    from xclass import SampledSoftmax

    model = SampledSoftmax(dim=64).fit(texts, names)
    classes, scores = model.predict_topk(texts, k=5)
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The estimators of :mod:`xclass.estimators`, by name."""
    if name.startswith("_") or not name[:1].isupper():
        raise AttributeError(f"module 'xclass' has no attribute {name!r}")
    from xclass import estimators

    return getattr(estimators, name)
