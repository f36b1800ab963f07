"""What a method is besides its settings, with what most are; its config class says where it differs.

Standard library only.
"""

from __future__ import annotations

from typing import Any, ClassVar

from xclass.encoders.kinds import Takes
from xclass.shapes import MemoryLaw, ProblemShape


class MethodTraits:
    """Class variables and closed forms that a config class takes over unless it has its own."""

    __slots__ = ()

    takes: ClassVar[Takes] = Takes.vectors
    """What it learns from and answers."""
    is_head: ClassVar[bool] = False
    """A softmax head: one class vector per class, trained by gradient steps within the budget, and an encoder
    that another method may borrow."""
    learns_by_encoder: ClassVar[bool] = False
    """Its classes share what only an encoder that is trained with it can tell apart: from vectors as they are
    it learns little."""
    is_estimate: ClassVar[bool] = False
    """Its closed forms are estimates: of what a library takes, or of weights that the data decides on."""
    is_seeded: ClassVar[bool] = True
    """Equal seeds give equal models on one thread; False: its library draws as it likes."""
    server_engine: ClassVar[str] = "faiss"
    """Engine whose import cost the plan adds where it answers: a key of BASE_BYTES."""
    can_shard: ClassVar[bool] = False
    """It can be trained in several processes, each with a slice of the classes: its constructor takes
    ``ranks`` and ``checkpoints``."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that a plain installation lacks."""
    extra: ClassVar[str | None] = None
    """The extra of this package that installs them."""

    def gpu_bytes(self, shape: ProblemShape, *_: Any, **sections: Any) -> int:
        """0: fitted on the CPU."""
        return 0

    def refusal(self, shape: ProblemShape, *_: Any, **sections: Any) -> str | None:
        """Why it cannot bear this size although the memory is there, with the closed form; None: it can.

        A predicate, as of a shortage: ``takes about 75 h: ...``.
        Of the shape, ``num_examples`` and the features are 0 where nobody knows them yet.
        """
        return None

    def rank_law(self, shape: ProblemShape, ranks: int, *_: Any, **sections: Any) -> MemoryLaw:
        """Closed-form peak of the fit phase in the largest of several ranks, where ``can_shard``.

        Args:
            shape: of all classes.
            ranks: R, at most as many as there are classes.
            sections: root sections of the configuration that the method takes.
        """
        raise NotImplementedError(f"{type(self).__name__} is not sharded")

    def traffic_bytes(self, shape: ProblemShape, ranks: int, *_: Any, **sections: Any) -> int:
        """Bytes that cross between all ranks together in one step; 0: it is not sharded.

        Args:
            shape: of all classes.
            ranks: R.
            sections: root sections of the configuration that the method takes, and ``is_trained``: the
                encoder is trained too, so that the gradient at the inputs crosses.
        """
        return 0
