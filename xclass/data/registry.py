"""The data sources that exist. A new one is its folder and one line here. Standard library only.

A source is a folder with ``config.py`` (a dataclass, pure) and ``entry.py``, imported in the child only, with

    prepare(config, *, num_classes, dim, seed, progress) -> facts
    open_source(config, *, num_classes, dim, seed, facts) -> DataSource

``prepare`` does, once, whatever is slow; its facts are JSON values with at least ``name``, ``num_classes``,
``num_train`` and ``num_test`` (null: unlimited), and are all that the other phases get.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from xclass.data.embeddings.config import EmbeddingsConfig
from xclass.data.lemmas.config import LemmasConfig
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.text.config import TextConfig
from xclass.data.xmc.config import XmcConfig
from xclass.encoders.kinds import InputKind
from xclass.shapes import ProblemShape


class DataConfig(Protocol):
    """What the config class of every source offers besides its settings."""

    name: ClassVar[str]
    """Folder, Hydra option and record key."""
    entry: ClassVar[str]
    """Module of ``prepare`` and ``open_source``."""
    inputs: ClassVar[InputKind]
    """What its batches hold."""
    is_scanned_by_class: ClassVar[bool]
    """See :class:`xclass.data.traits.DataTraits`."""

    @property
    def default_classes(self) -> int:
        """Where ``classes`` is null: what is known or estimated before the data is prepared.

        Raises:
            ConfigError: nobody can know.
        """
        ...

    @property
    def most_classes(self) -> int | None:
        """Classes that there are, as far as is known before the data is prepared; None: any number."""
        ...

    def check_files(self) -> None:
        """Refuse, before anything is started, files that a user named and that are not here.

        Raises:
            ConfigError: naming the key.
        """
        ...

    def vector_dim(self) -> int | None:
        """See :class:`xclass.data.traits.DataTraits`, which has this and ``known_facts`` for most."""
        ...

    def known_facts(self) -> Mapping[str, Any] | None:
        """What is known of an example before the data is prepared."""
        ...

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Component -> bytes that reading adds to fitting: a scan, and steps in random order after it."""
        ...

    def mean_name_bytes(self) -> float:
        """See :class:`xclass.data.traits.DataTraits`, which has this and ``names_bytes``."""
        ...

    def names_bytes(self, num_classes: int) -> int:
        """What the names of classes take beside a saved model."""
        ...

    def num_train(self, num_classes: int) -> int:
        """Training examples of so many classes, before they are prepared: to a few percent."""
        ...

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """The same for serving: what is read to draw the queries, they themselves not counted."""
        ...


DATA_CONFIGS: dict[str, type[DataConfig]] = {
    config.name: config
    for config in (
        SyntheticConfig,
        LemmasConfig,
        TextConfig,
        XmcConfig,
        EmbeddingsConfig,
    )
}
