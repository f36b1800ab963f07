"""From the y of a caller to numbered classes, and back."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from xclass.data.base import ClassSets, IntArray
from xclass.estimators.source import Targets


def read_targets(y: Any) -> tuple[npt.NDArray[Any], IntArray, Targets]:
    """Number the classes of y by falling frequency.

    Args:
        y: one class per example (numbers or names); or several: a list of lists of classes, or a 0/1 matrix,
            dense or sparse, with one column per class.

    Returns:
        ``classes``: shape (C,), sorted, as ``classes_`` of scikit-learn; ``order``: shape (C,), int64,
        places in ``classes`` by falling frequency; and the targets.

    Raises:
        ValueError: fewer than two classes, an example without one, or a continuous target.
    """
    classes, sets, is_several = _several(y) if _is_several(y) else _single(y)
    if len(classes) < 2:
        raise ValueError(f"y has {len(classes)} class: at least 2 are needed to tell apart")
    counts = np.bincount(sets.classes, minlength=len(classes)).astype(np.int64)
    order = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    ranked = ClassSets(starts=sets.starts, classes=_sorted_within(ranks[sets.classes], sets.starts))
    return classes, order, Targets(sets=ranked, counts_C=counts[order], is_several=is_several)


def true_places(y: Any, classes: npt.NDArray[Any]) -> ClassSets:
    """Places in ``classes`` of the true classes of each example; -1 for those that training never saw."""
    is_matrix = issparse(y) or getattr(y, "ndim", 1) == 2
    if is_matrix and y.shape[1] > 1 and classes.dtype.kind == "U":
        raise ValueError("y is a 0/1 matrix, fit had names of classes: give the names of each example")
    known, sets, _ = _several(y) if _is_several(y) else _single(y)
    if (
        len(known)
        and known.dtype.kind != classes.dtype.kind
        and "U" in (known.dtype.kind, classes.dtype.kind)
    ):
        return ClassSets(starts=sets.starts, classes=np.full(len(sets.classes), -1, dtype=np.int64))
    places = np.minimum(np.searchsorted(classes, known), len(classes) - 1)
    places = np.where(classes[places] == known, places, -1).astype(np.int64)
    return ClassSets(starts=sets.starts, classes=places[sets.classes])


def _is_several(y: Any) -> bool:
    if issparse(y):
        return True
    if getattr(y, "ndim", 1) == 2:
        return bool(y.shape[1] > 1)
    first = next(iter(y), None) if hasattr(y, "__len__") and not isinstance(y, str) else None
    return isinstance(first, list | tuple | set | frozenset | np.ndarray)


def _single(y: Any) -> tuple[npt.NDArray[Any], ClassSets, bool]:
    array = column_or_1d(y, warn=True)
    with warnings.catch_warnings():
        # scikit-learn takes classes with one or two examples each for a regression; here they are the rule.
        warnings.filterwarnings(
            "ignore", message="The number of unique classes is greater", category=UserWarning
        )
        check_classification_targets(array)
    if array.dtype.kind == "O":
        array = _without_objects(array)
    classes, numbers = np.unique(array, return_inverse=True)
    return classes, ClassSets.of_single(numbers.astype(np.int64)), False


def _several(y: Any) -> tuple[npt.NDArray[Any], ClassSets, bool]:
    if issparse(y) or getattr(y, "ndim", 1) == 2:
        rows = csr_array(y, copy=True)  # the next line works in place, and y is the caller's
        rows.eliminate_zeros()
        if not np.isin(rows.data, (1, True)).all():
            raise ValueError(
                "y is a matrix of other values than 0 and 1: give one class per example, or a 0/1 matrix"
            )
        return _checked(np.arange(rows.shape[1]), rows.indptr.astype(np.int64), rows.indices.astype(np.int64))
    lists = [list(dict.fromkeys(one)) for one in y]
    starts = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in lists], out=starts[1:])
    flat = _without_objects(np.array([each for one in lists for each in one], dtype=object))
    classes, numbers = np.unique(flat, return_inverse=True)
    return _checked(classes, starts, numbers.astype(np.int64))


def _checked(
    classes: npt.NDArray[Any], starts: IntArray, numbers: IntArray
) -> tuple[npt.NDArray[Any], ClassSets, bool]:
    empty = np.flatnonzero(np.diff(starts) == 0)
    if len(empty):
        raise ValueError(
            f"y[{empty[0]}] has no class: every example needs at least one; leave such examples out"
        )
    return classes, ClassSets(starts=starts, classes=_sorted_within(numbers, starts)), True


def _sorted_within(numbers: IntArray, starts: IntArray) -> IntArray:
    """The classes of each example in rising order."""
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return numbers[np.lexsort((numbers, owner))]


def _without_objects(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same as str or numbers, so that it can be saved without pickle.

    Raises:
        ValueError: a mixture, or something else.
    """
    kinds = {type(value) for value in array.tolist()}
    if kinds == {str}:
        return array.astype(str)
    if kinds and kinds <= {int, bool, float}:
        return np.array(array.tolist())
    names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "nothing"
    raise ValueError(f"classes of y are {names}: allowed are str, or int (unknown label type)")
