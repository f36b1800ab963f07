"""Makes the estimator class of a method from its settings, so that no default stands twice."""

from __future__ import annotations

import inspect
from dataclasses import fields
from enum import Enum
from typing import Any

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import RunConfig
from xclass.encoders.kinds import Takes
from xclass.estimators.estimator import Estimator
from xclass.estimators.fitting import SECTIONS

_EVERYWHERE: dict[str, Any] = {"epochs": 1.0, "minutes": None, "random_state": 0, "n_jobs": 1}
_SENTENCES = {
    "dim": "dim: dimensions of the vectors that texts and sparse rows become; of dense X its own are taken.",
    "batch_size": "batch_size: examples of one gradient step; None: 512, or as many as classes, at least 16.",
    "epochs": "epochs: passes over the examples, where the method takes gradient steps.",
    "minutes": "minutes: ends the steps earlier; None: no limit.",
    "random_state": "random_state: seed, 0 or more; a RandomState draws one.",
    "n_jobs": "n_jobs: threads; -1 or None: the cores this process may use.",
    "encoder": "encoder: dict of settings of the text encoder, e.g. {'max_n': 4}.",
    "bag": "bag: dict of settings of the sparse features of texts.",
    "weights": "weights: dict of settings of the class vectors, e.g. {'dtype': 'bfloat16'}.",
    "index": "index: dict of settings of the index, e.g. {'factory': 'IVF1024,SQ8'}.",
}


def estimator_name(method: str) -> str:
    """``sampled_softmax`` -> ``SampledSoftmax``."""
    return "".join(part.capitalize() for part in method.split("_"))


def make_estimator(method: str) -> type[Estimator]:
    """The estimator class of a registered method."""
    parameters = _parameters(method)

    def __init__(self: Estimator, **values: Any) -> None:  # noqa: N807  # it becomes the class's own
        unknown = sorted(set(values) - set(parameters))
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no parameter {', '.join(unknown)}; it has {', '.join(parameters)}"
            )
        for name, default in parameters.items():
            setattr(self, name, values.get(name, default))

    # Read by scikit-learn's get_params, by help() and by editors.
    __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY),
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
                for name, default in parameters.items()
            ),
        ]
    )
    members = {
        "__init__": __init__,
        "__doc__": _doc(method, parameters),
        "__module__": "xclass",
        "_method": method,
    }
    return type(estimator_name(method), (Estimator,), members)


def _parameters(method: str) -> dict[str, Any]:
    """Name -> default of every parameter, those of the method itself first."""
    config, run = METHOD_CONFIGS[method], RunConfig()
    values = {field.name: getattr(config(), field.name) for field in fields(config)}  # type: ignore[arg-type]
    own = {name: _plain(value) for name, value in values.items()}
    shared: dict[str, Any] = {}
    if config.takes is Takes.vectors:
        shared |= {"dim": run.dim, "encoder": None}
    if config.takes is Takes.features:
        shared |= {"bag": None}
    if config.fit_phase == "train":
        shared |= {"batch_size": None}
    sections = {name: None for name in config.sections if name in SECTIONS}
    return {**own, **shared, **sections, **_EVERYWHERE}


def _plain(value: Any) -> Any:
    """As scikit-learn allows defaults to be: no enumeration, and nothing that can be changed in place."""
    if isinstance(value, Enum):
        return value.value
    return tuple(value) if isinstance(value, list) else value


def _doc(method: str, parameters: dict[str, Any]) -> str:
    summary = (METHOD_CONFIGS[method].__doc__ or "").strip()
    settings = [f"    {_SENTENCES[name]}" for name in parameters if name in _SENTENCES]
    own = [name for name in parameters if name not in _SENTENCES]
    where = f"    {', '.join(own)}: see :class:`{METHOD_CONFIGS[method].__module__}." if own else ""
    if own:
        where += f"{METHOD_CONFIGS[method].__name__}`."
    return "\n".join([summary, "", "Args:", *settings, *([where] if where else [])])
