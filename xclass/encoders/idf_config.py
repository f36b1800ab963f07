"""How much each feature of a text counts, and what is learnt for it. Standard library only."""

from __future__ import annotations

from enum import StrEnum

from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES

IDF_FILE = "encoder_idf.npy"
FEATURE_WEIGHTS = "feature weights"
"""Name of the component; with xclass.shapes.MAPPED where it is opened from a file."""


class Weighting(StrEnum):
    """How much each feature counts."""

    equal = "equal"
    """All alike; of sparse rows that come with values the values as they are."""
    idf = "idf"
    """The rarer among training examples, the more."""


def check_weighting(section: str, weighting: str, idf_examples: int | None) -> Weighting:
    """The weighting as a member of its enum, also where it was read from a file.

    Args:
        section: of the configuration, for the message.
        weighting: name of one.
        idf_examples: how many training examples are counted; None: all.

    Raises:
        ConfigError: no such number of examples.
    """
    if idf_examples is not None and idf_examples < 1:
        raise ConfigError(
            f"{section}.idf_examples", idf_examples, allowed="1 or more, or null", remedy="null counts all"
        )
    return Weighting(weighting)


def idf_bytes(weighting: Weighting, num_features: int) -> int:
    """Of one weight per feature: ``4 M``; they are made in the place of the counts."""
    return FLOAT32_BYTES * num_features if weighting is Weighting.idf else 0
