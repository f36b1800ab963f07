"""What the settings of every source of numbered rows have in common. Standard library only."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xclass.data.table_files import InputFile, absolute, input_files
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

_FAULT_AROUND_BYTES = 64 << 10


def check_files(path: str | None, test_path: str | None) -> tuple[str | None, str | None]:
    """Both paths in a form that means the same from every folder.

    Raises:
        ConfigError: one is empty, or both are the same.
    """
    path = None if path is None else absolute("data.path", path)
    test_path = None if test_path is None else absolute("data.test_path", test_path)
    if path is not None and path == test_path:
        raise ConfigError(
            "data.test_path",
            test_path,
            allowed="another file than data.path",
            remedy="leave it out to have a part of data.path held out",
        )
    return path, test_path


def one_file(key: str, path: str | None) -> InputFile:
    """A file that a user named, as it is now.

    Raises:
        ConfigError: none is named, or it is not there, or it is a folder.
    """
    if path is not None and Path(path).is_dir():
        raise ConfigError(key, path, allowed="a file", remedy="it is a folder: name one of its files")
    return input_files(key, path)[0]


def check_test_share(share: float) -> None:
    """Refuse a share that leaves nothing.

    Raises:
        ConfigError: naming ``data.test_share``.
    """
    if not 0.0 < share <= 0.5:
        raise ConfigError("data.test_share", share, allowed="above 0, to 0.5", remedy="0.1 is the default")


def classes_of(facts: Mapping[str, Any] | None) -> int:
    """Classes that facts know of.

    Raises:
        ConfigError: they know of none.
    """
    if facts is None or "num_classes" not in facts:
        raise ConfigError(
            "classes",
            "null",
            allowed="a number, as long as nobody has counted the classes of this file",
            remedy="add +classes=1e5; a run counts them by itself",
        )
    return int(facts["num_classes"])


def num_train_of(facts: Mapping[str, Any] | None, num_classes: int) -> int:
    """Training examples of the most frequent classes, each counted once for each of its classes.

    Args:
        facts: of a prepared folder, of a header, or None.
        num_classes: how many of them.

    Returns:
        Of all classes exact where they are prepared; of fewer to some percent; without facts one per class.
    """
    table = (facts or {}).get("train_of_most_frequent")
    if table:
        return interpolated(table, num_classes)
    return max(num_classes, int((facts or {}).get("num_examples", 0)))


def number_name_bytes(num_classes: int | None) -> float:
    """Mean bytes of ``class N`` where files number their classes: most have the digits of the largest.

    Args:
        num_classes: that there are; None: nobody has counted them, and eight digits are assumed.
    """
    return float(len(f"class {num_classes or 10_000_000}"))


def query_index_bytes(facts: Mapping[str, Any] | None, shape: ProblemShape, bytes_per_row: float) -> int:
    """Mapped bytes of the index that a random sample of test rows touches: all of it, or pages around each.

    Source: the kernel maps 64 KiB around a page that is touched (fault_around_bytes), in each of three files.
    """
    rows = int((facts or {}).get("num_test_rows", 0))
    return round(min(bytes_per_row * rows, 3 * _FAULT_AROUND_BYTES * shape.num_queries))


def interpolated(table: Sequence[Sequence[int]], classes: int) -> int:
    """The total of the most frequent classes: between two known ones a power law, as frequencies are.

    Of more than there are, which only a projection asks for, as many for each as there are on average.
    """
    sizes = [size for size, _ in table]
    if classes >= sizes[-1]:
        return table[-1][1] * classes // sizes[-1]
    place = max(1, bisect_left(sizes, classes))
    (low, few), (high, many) = table[place - 1 : place + 1]
    return round(few * math.exp(math.log(many / few) * math.log(classes / low) / math.log(high / low)))
