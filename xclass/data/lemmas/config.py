"""Settings of ``data=lemmas``, and what its batches cost. Standard library only."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xclass.data.cache import cache_folder, check_cache
from xclass.data.traits import DataTraits
from xclass.encoders.kinds import InputKind
from xclass.shapes import DATA_BATCHES, MAPPED, ProblemShape

# Measured with tracemalloc on batches of 16,384 of all parts of the data: at most 39 and 333.
_SCAN_BYTES_PER_TEXT = 40
"""Form 14, offset 8, class 8, context 4, and the lengths while they are summed."""
_TRAIN_BYTES_PER_TEXT = 340
"""Besides: a row of 64 lengths, its mask and their product, and the form as an object of Python."""
_INDEX = f"index of the texts{MAPPED}"
_INDEX_BYTES_PER_CLASS = 5
_TEXTS_PER_STARTS_BYTE = 8
"""A block of 64 texts has one start of 8 bytes: :mod:`xclass.data.text_store`."""
_TEST_TEXTS = 2_748_046
_TRAIN_TEXTS = (
    (1, 100_000),
    (1_000, 5_157_086),
    (10_000, 6_953_943),
    (100_000, 12_725_900),
    (300_000, 20_237_769),
    (1_000_000, 29_549_328),
    (2_000_000, 33_993_840),
    (3_027_563, 35_126_689),
)
"""Most frequent classes and their training texts. Source: counted in the data of simplemma 2.0.0."""

_NAME_BYTES = 14.3
"""Of ``de:Haus`` and all others in the mean. Source: counted in the same data, 11.31 of them the lemma's."""


@dataclass(kw_only=True, slots=True)
class LemmasConfig(DataTraits):
    """Where the prepared data lies; what it is, the package ``simplemma`` decides."""

    name: ClassVar[str] = "lemmas"
    entry: ClassVar[str] = "xclass.data.lemmas.entry"
    inputs: ClassVar[InputKind] = InputKind.texts
    default_classes: ClassVar[int] = _TRAIN_TEXTS[-1][0]
    is_scanned_by_class: ClassVar[bool] = True
    most_classes: ClassVar[int | None] = _TRAIN_TEXTS[-1][0]

    cache: str | None = None
    """Folder of the prepared data; None: ``$XDG_CACHE_HOME/xclass``, else ``~/.cache/xclass``."""

    def __post_init__(self) -> None:
        check_cache(self.cache)

    def cache_folder(self) -> Path:
        """The cache folder as an absolute path; it need not exist."""
        return cache_folder(self.cache)

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Bytes that reading adds over the base: batches, and mapped pages of the index of the texts.

        Memory: ``threads * 40 scan_batch`` or, in steps, ``(340 + 2 * 40) batch``, whichever is more;
        anonymous. Mapped, so reclaimable: 5 B per class (start, language) and 1/8 B per training text (starts
        of blocks), and where steps read in random order 1 B per training text (lengths; a scan reads them).
        The texts are read with pread, so that they never become resident in this process.
        """
        scan = shape.threads * _SCAN_BYTES_PER_TEXT * shape.scan_batch_size
        step = (_TRAIN_BYTES_PER_TEXT + 2 * _SCAN_BYTES_PER_TEXT) * shape.batch_size
        texts = train_texts(shape.num_classes)
        index = _INDEX_BYTES_PER_CLASS * shape.num_classes + texts // _TEXTS_PER_STARTS_BYTE
        return {DATA_BATCHES: max(scan, step), _INDEX: index + (texts if has_steps else 0)}

    def mean_name_bytes(self) -> float:
        """Code of the language, colon and lemma."""
        return _NAME_BYTES

    def num_train(self, num_classes: int) -> int:
        """Training examples, to a few percent."""
        return train_texts(num_classes)

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Index of the held-out texts, mapped: a random sample touches all of it (fault-around, 64 KiB).

        Per text a length, 1/8 B of its block's start, its class of 4 B; per class its language. A class has
        at most one held-out text.
        """
        texts = min(shape.num_classes, _TEST_TEXTS)
        return {_INDEX: 5 * texts + texts // _TEXTS_PER_STARTS_BYTE + shape.num_classes}


def train_texts(num_classes: int) -> int:
    """Training texts of the most frequent classes, to a few percent; all 35,126,689 of all 3,027,563.

    Between two known sizes a power law: a straight line in logarithms. Of more classes than there are, which
    only a projection asks for, as many for each as there are on average.
    """
    sizes = [size for size, _ in _TRAIN_TEXTS]
    if num_classes >= sizes[-1]:
        return _TRAIN_TEXTS[-1][1] * num_classes // sizes[-1]
    place = max(1, bisect_left(sizes, num_classes))
    (low, few), (high, many) = _TRAIN_TEXTS[place - 1 : place + 1]
    slope = math.log(many / few) / math.log(high / low)
    return round(few * math.exp(slope * math.log(num_classes / low)))
