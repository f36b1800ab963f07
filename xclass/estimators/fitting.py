"""Fits a method's own classifier on data in memory, saves the model and opens it for answering."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, get_type_hints

import numpy as np

from xclass.classifiers.base import Classifier, import_object
from xclass.classifiers.device import Device
from xclass.classifiers.libraries import check_libraries
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.opened_model import OpenedModel
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.weights.config import WeightsConfig
from xclass.config import RunConfig
from xclass.data.base import Inputs, SparseRows, Texts
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.base import Encoder
from xclass.encoders.config import NgramConfig
from xclass.encoders.factory import build_encoder
from xclass.encoders.kinds import encoder_kind
from xclass.errors import ConfigError
from xclass.estimators.inputs import kind_of
from xclass.estimators.model_files import new_folder, open_owned
from xclass.estimators.source import MemorySource, Targets
from xclass.run.feed import DataFeed, FeedLimits
from xclass.shapes import ProblemShape

SECTIONS: dict[str, type[Any]] = {"weights": WeightsConfig, "index": IndexConfig}
"""Root sections of a run that an estimator takes as a dict."""
SCAN_BATCH, QUERY_BATCH = 1024, 256


@dataclass(frozen=True, kw_only=True, slots=True)
class FitSettings:
    """What an estimator was given."""

    method: str
    params: Mapping[str, Any]
    """By name, the method's own and those of every estimator."""
    seed: int
    threads: int


def fit_model(settings: FitSettings, inputs: Inputs, targets: Targets) -> OpenedModel:
    """Fit, save into a folder for temporary files, open.

    Args:
        settings: of the estimator.
        inputs: N training examples.
        targets: their classes, by falling frequency.

    Raises:
        ConfigError: a setting outside its range, a library that is missing, more than the method can bear.

    Memory: the method's closed form for this size, and the model once more while both are open.
    """
    check_libraries([settings.method])
    config_class = METHOD_CONFIGS[settings.method]
    own = {field.name for field in fields(config_class)}  # type: ignore[arg-type]
    given = {name: value for name, value in settings.params.items() if name in own}
    config = _settings(config_class, f"method.{settings.method}", given)
    shape = _shape(settings, inputs, targets)
    sections = _sections(config_class.sections, settings.params)
    _check_bearable(config, shape, sections)
    kind = encoder_kind(kind_of(inputs), config_class.takes)
    encoder = build_encoder(
        kind,
        ngrams=_section(NgramConfig, "encoder", settings.params),
        bag=_section(BagConfig, "bag", settings.params),
        dim=shape.dim,
        num_features=shape.num_features,
        seed=settings.seed,
        is_trainable=config_class.fit_phase == "train",
    )
    source = MemorySource(inputs, targets, seed=settings.seed)
    feed = DataFeed(
        source,
        encoder,
        batch_size=shape.batch_size,
        scan_batch_size=shape.scan_batch_size,
        threads=shape.threads,
        limits=_limits(settings.params, source.num_train),
        progress=lambda *_: None,
    )
    classifier = import_object(config_class.implementation)(
        config, shape=shape, encoder=encoder, seed=settings.seed, **sections
    )
    classifier.warm_up()
    encoder.learn(feed.inputs())
    classifier.fit(feed)
    return _save(settings, classifier, encoder)


def _check_bearable(config: Any, shape: ProblemShape, sections: Mapping[str, Any]) -> None:
    if refusal := config.refusal(shape, **sections):
        raise ConfigError(
            config.name,
            f"{shape.num_classes} classes",
            allowed=f"a problem that it can bear: {refusal}",
            remedy="SparseMeans bears millions of classes",
        )


def _save(settings: FitSettings, classifier: Classifier, encoder: Encoder) -> OpenedModel:
    """The model in a folder that goes with it, or no folder at all."""
    folder = new_folder()
    try:
        classifier.save(folder)
        encoder.save(folder)
        return open_owned(folder, threads=settings.threads)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _shape(settings: FitSettings, inputs: Inputs, targets: Targets) -> ProblemShape:
    params, num_examples = settings.params, len(inputs)
    dim, num_features, per_example = int(params.get("dim", 0)), 0, 0.0
    if isinstance(inputs, np.ndarray):
        dim = num_features = inputs.shape[1]
        per_example = float(dim)
    elif isinstance(inputs, SparseRows):
        num_features, per_example = inputs.num_columns, len(inputs.values) / max(1, num_examples)
    elif isinstance(inputs, Texts):
        bag = _section(BagConfig, "bag", params)
        num_features, per_example = bag.num_buckets, bag.features_per_text()
    return ProblemShape(
        num_classes=len(targets.counts_C),
        dim=dim or num_features,
        batch_size=min(_batch_size(params, len(targets.counts_C)), len(targets.sets.classes)),
        scan_batch_size=SCAN_BATCH,
        num_queries=QUERY_BATCH,
        query_batch_size=QUERY_BATCH,
        top_k=min(5, len(targets.counts_C)),
        threads=settings.threads,
        num_examples=num_examples,
        num_features=num_features,
        features_per_example=per_example,
    )


def _batch_size(params: Mapping[str, Any], num_classes: int) -> int:
    """Examples of one step.

    A step adds up the gradients of its examples: many of one class at a time would overshoot (3 classes,
    300 examples in one step: accuracy 0.70 after 0.91 of the class means).
    """
    given = params.get("batch_size")
    if given is None:
        return min(RunConfig().batch_size, max(16, num_classes))
    if int(given) < 1:
        raise ConfigError("batch_size", given, allowed="1 or more, or None", remedy="None is the default")
    return int(given)


def _limits(params: Mapping[str, Any], num_train: int) -> FeedLimits:
    epochs, minutes = params["epochs"], params["minutes"]
    if not 0 <= epochs < float("inf"):
        raise ConfigError("epochs", epochs, allowed="0 or more", remedy="1 is the default")
    if minutes is not None and not 0 <= minutes < float("inf"):
        raise ConfigError("minutes", minutes, allowed="0 or more, or None", remedy="None is the default")
    return FeedLimits(examples=round(epochs * num_train), minutes=minutes)


def _section(kind: type[Any], name: str, params: Mapping[str, Any]) -> Any:
    """The settings of a section from its dict.

    Raises:
        ConfigError: a key that it does not have, or a value out of range.
    """
    given = params.get(name) or {}
    known = [field.name for field in fields(kind)]
    for key in given:
        if key not in known:
            raise ConfigError(
                f"{name}.{key}", given[key], allowed=", ".join(known), remedy="mind the spelling"
            )
    return _settings(kind, name, given)


def _settings(kind: type[Any], key: str, given: Mapping[str, Any]) -> Any:
    """A dataclass of settings, its enumerations from their names."""
    hints = get_type_hints(kind)
    values = {}
    for name, value in given.items():
        choices = hints[name] if isinstance(hints[name], type) and issubclass(hints[name], Enum) else None
        if choices is not None and value not in [choice.value for choice in choices]:
            allowed = ", ".join(str(choice.value) for choice in choices)
            raise ConfigError(f"{key}.{name}", value, allowed=allowed, remedy="mind the spelling")
        values[name] = choices(value) if choices is not None else value
    return kind(**values)


def _sections(names: tuple[str, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    """Root sections as the classifier takes them; files on the way go where temporary files do."""
    sections: dict[str, Any] = {}
    for name in names:
        if name in SECTIONS:
            given = {"folder": tempfile.gettempdir(), **(params.get(name) or {})}
            sections[name] = _section(SECTIONS[name], name, {name: given})
        elif name == "device":
            sections[name] = Device.cpu
    return sections
