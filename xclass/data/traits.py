"""What a data source is besides its settings, with what most are; its config class says where it differs.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class DataTraits:
    """What a config class takes over unless it has its own."""

    __slots__ = ()

    is_scanned_by_class: ClassVar[bool] = False
    """The cheapest order to read training examples in is that of their classes."""

    def check_files(self) -> None:
        """Refuse, before anything is started, files that a user named and that are not here.

        Raises:
            ConfigError: naming the key.
        """

    def vector_dim(self) -> int | None:
        """Dimensions that its vectors have; None: it has none of its own, so that ``dim`` is free to choose.

        Raises:
            ConfigError: there is a file, and it does not say.
        """
        return None

    def mean_name_bytes(self) -> float:
        """Bytes of the name of a class in the mean, as UTF-8; 0: its classes have none but their numbers."""
        return 0.0

    def names_bytes(self, num_classes: int) -> int:
        """What :mod:`xclass.classifiers.class_names` writes beside a saved model, its document not counted.

        Memory: each name, 1 B of its length and 1/8 B of its block's start; 2 or 4 in place of 1 where a name
        has more than 255 bytes.
        """
        mean_bytes = self.mean_name_bytes()
        return round(num_classes * (mean_bytes + 9 / 8)) if mean_bytes else 0

    def known_facts(self) -> Mapping[str, Any] | None:
        """What is known of an example before the data is prepared, by the names of the facts of ``prepare``.

        None where nothing is, also where a file that was there is gone: a report is made without it.
        """
        return None
