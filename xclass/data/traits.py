"""What a data source is besides its settings, with what most are; its config class says where it differs.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DataTraits:
    """What a config class takes over unless it has its own."""

    __slots__ = ()

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

    def known_facts(self) -> Mapping[str, Any] | None:
        """What is known of an example before the data is prepared, by the names of the facts of ``prepare``.

        None where nothing is, also where a file that was there is gone: a report is made without it.
        """
        return None
