"""What a service needs to know of a model that was just saved, written beside it when the meter has read."""

from __future__ import annotations

from pathlib import Path

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.served_facts import ServedFacts
from xclass.data.registry import DATA_CONFIGS
from xclass.encoders.kinds import InputKind
from xclass.run.spec import ChildSpec

_SOFTMAX = "softmax"
"""Loss of every head that has no setting for it."""
_LANGUAGES = "languages"
"""Fact of a source whose texts each have one of these as context, by their place."""


def save_served_facts(spec: ChildSpec) -> None:
    """Write ``served.json`` into the model's folder.

    Raises:
        OSError: the disk is full.
    """
    inputs = DATA_CONFIGS[spec.data_name].inputs
    loss = getattr(getattr(spec.run_config().method, spec.method), "loss", _SOFTMAX)
    ServedFacts(
        method=spec.method,
        inputs=inputs,
        num_features=spec.problem_shape().num_features if inputs is InputKind.rows else 0,
        contexts=tuple(spec.data_facts.get(_LANGUAGES, ())) if inputs is InputKind.texts else (),
        is_softmax=METHOD_CONFIGS[spec.method].is_head and loss == _SOFTMAX,
    ).save(Path(spec.model_dir))
