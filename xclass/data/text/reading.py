"""Closed-form bytes of reading a prepared table. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xclass.shapes import DATA_BATCHES, MAPPED, ProblemShape

_BLOCK = 64
"""Items of a block of the store: :mod:`xclass.data.text_store`."""
_PART_BYTES, _BLOCK_BYTES = 340_000, 1_540
"""Per class of an example: one part of a read of sets, and the block of examples around a random one."""
_INDEX = f"index of the texts{MAPPED}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the closed form needs of a prepared table, or the guess for one that was not read yet."""

    text_bytes: float
    """t, the mean of a text."""
    length_bytes: int = 1
    """w, of the length of one text: 1, 2 or 4, as the longest needs it."""
    classes_per_example: float = 1.0
    """c."""
    num_test: int
    """Held-out examples."""
    is_restricted: bool = False
    """Classes are left out."""

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any], num_classes: int) -> Reading:
        """Of a prepared table, of which so many classes are kept."""
        num_examples = max(1, int(manifest["num_examples"]))
        files = manifest["files"]
        return cls(
            text_bytes=files["train.bytes"]["size_bytes"] / num_examples,
            length_bytes=files["train.lengths"]["size_bytes"] // (-(-num_examples // _BLOCK) * _BLOCK),
            classes_per_example=int(manifest["num_train"]) / num_examples,
            num_test=int(manifest["num_test"]),
            is_restricted=num_classes < int(manifest["num_classes"]),
        )

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Bytes that reading adds over the base: batches, and mapped pages of the index.

        Memory: anonymous: ``threads * scan_batch * (45 + t)`` or, in steps, ``batch * (64 (2 w + 1) + 170 +
        4 t)``, whichever is more. Where c > 1 or classes are left out: ``threads * (scan_batch *
        (64 (2 w + 1) + 170 + 2 t) + 340,000 c)``, in steps besides ``1,540 c batch``, and 1/4 B per example
        where classes are left out. Mapped, so reclaimable: 1/8 B per example (starts of blocks), w B where
        steps read in random order or classes are left out, and 1 1/8 B for the sets where c > 1 or classes
        are left out.
        """
        t, c = self.text_bytes, self.classes_per_example
        lengths = _BLOCK * (2 * self.length_bytes + 1)
        scan = shape.scan_batch_size * (45 + t)
        step = shape.batch_size * (lengths + 170 + 4 * t)
        per_example = 1 / 8 + (self.length_bytes if has_steps or self.is_restricted else 0)
        if not self._is_plain:
            scan = shape.scan_batch_size * (lengths + 170 + 2 * t) + _PART_BYTES * c
            step += _BLOCK_BYTES * c * shape.batch_size
            per_example += 9 / 8
        kept = shape.num_examples // 4 if self.is_restricted else 0
        batches = round(max(shape.threads * scan, step if has_steps else 0.0))
        return {DATA_BATCHES: batches + kept, _INDEX: round(per_example * shape.num_examples)}

    def query_terms(self) -> dict[str, int]:
        """Index of the held-out texts, mapped: a random sample touches all of it (fault-around, 64 KiB)."""
        per_text = self.length_bytes + 1 / 8 + (0 if self._is_plain else 9 / 8)
        return {_INDEX: round(per_text * self.num_test)}

    @property
    def _is_plain(self) -> bool:
        """Every example has one class, and all are kept: no set has to be looked up."""
        return self.classes_per_example == 1.0 and not self.is_restricted
