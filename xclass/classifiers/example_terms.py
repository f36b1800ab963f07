"""Closed-form sizes of all training examples at once. Standard library only.

Of a shape, examples and features are 0 where nobody knows them yet: then one example per class and vectors
of ``dim`` dimensions stand in.
"""

from __future__ import annotations

from xclass.shapes import FLOAT32_BYTES, ProblemShape

_INDEX_BYTES = 4


def num_examples(shape: ProblemShape) -> int:
    """N."""
    return shape.num_examples or shape.num_classes


def num_features(shape: ProblemShape) -> int:
    """M."""
    return shape.num_features or shape.dim


def features_per_example(shape: ProblemShape) -> float:
    """Of M, those that an example has."""
    return shape.features_per_example or float(shape.dim)


def is_dense(shape: ProblemShape) -> bool:
    """Whether the examples are vectors: every feature of each is there."""
    return features_per_example(shape) >= num_features(shape)


def num_entries(shape: ProblemShape) -> float:
    """Values of all examples together."""
    return num_examples(shape) * features_per_example(shape)


def rows_bytes(shape: ProblemShape, value_bytes: int = FLOAT32_BYTES) -> int:
    """Of the rows that :func:`xclass.classifiers.whole_data.gather` gives."""
    per_entry = value_bytes if is_dense(shape) else value_bytes + _INDEX_BYTES
    starts = 0 if is_dense(shape) else _INDEX_BYTES * (num_examples(shape) + 1)
    return round(num_entries(shape) * per_entry) + starts


def joining_bytes(shape: ProblemShape) -> int:
    """Beside the rows while their chunks are joined; nothing for vectors, whose chunks go one by one."""
    return 0 if is_dense(shape) else round(num_entries(shape) * _INDEX_BYTES)


def sets_bytes(shape: ProblemShape) -> int:
    """Of the classes of each: a start and one class, or those there are where several were counted."""
    return 8 * (2 * num_examples(shape) + 1)
