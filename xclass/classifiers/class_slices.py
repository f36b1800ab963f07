"""Which classes a rank, or a shard of an index, owns: contiguous slices. Standard library only."""

from __future__ import annotations


def class_slice(num_classes: int, part: int, num_parts: int) -> range:
    """Classes of one part: ``C part // parts`` up to ``C (part + 1) // parts``; sizes differ by one at most.

    Args:
        num_classes: C.
        part: 0 to ``num_parts - 1``.
        num_parts: 1 or more; with more parts than classes some are empty.
    """
    assert 0 <= part < num_parts, (part, num_parts)
    return range(num_classes * part // num_parts, num_classes * (part + 1) // num_parts)


def largest_slice(num_classes: int, num_parts: int) -> int:
    """Classes of the largest part: ``ceil(C / parts)``."""
    return -(-num_classes // num_parts)
