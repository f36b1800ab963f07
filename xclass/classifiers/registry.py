"""The methods that exist. A new one is its folder and one line here. Standard library only."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from xclass.classifiers.adaptive_softmax.config import AdaptiveSoftmaxConfig
from xclass.classifiers.boosting.config import BoostingConfig
from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
from xclass.classifiers.dense_softmax_autograd.config import DenseSoftmaxAutogradConfig
from xclass.classifiers.frozen_vectors.config import FrozenVectorsConfig
from xclass.classifiers.hierarchical_softmax.config import HierarchicalSoftmaxConfig
from xclass.classifiers.knn.config import KnnConfig
from xclass.classifiers.linear_svm.config import LinearSvmConfig
from xclass.classifiers.mach.config import MachConfig
from xclass.classifiers.nearest_neighbour.config import NearestNeighbourConfig
from xclass.classifiers.parabel.config import ParabelConfig
from xclass.classifiers.plt.config import PltConfig
from xclass.classifiers.prior.config import PriorConfig
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig
from xclass.classifiers.sparse_means.config import SparseMeansConfig
from xclass.classifiers.work import Work
from xclass.encoders.kinds import Takes
from xclass.shapes import MemoryLaw, ProblemShape


class MethodConfig(Protocol):
    """What the config class of every method offers besides its settings."""

    name: ClassVar[str]
    """Folder, Hydra key, record key and table row."""
    implementation: ClassVar[str]
    """``module:class`` of the :class:`xclass.classifiers.base.Classifier`; imported in the child only."""
    server: ClassVar[str]
    """``module:class`` of the :class:`xclass.classifiers.base.Server`."""
    engine: ClassVar[str]
    """Engine whose import cost the plan adds where it is fitted: a key of BASE_BYTES."""
    takes: ClassVar[Takes]
    is_head: ClassVar[bool]
    learns_by_encoder: ClassVar[bool]
    is_estimate: ClassVar[bool]
    is_seeded: ClassVar[bool]
    server_engine: ClassVar[str]
    can_shard: ClassVar[bool]
    libraries: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None]
    """See :class:`xclass.classifiers.traits.MethodTraits`, which has them all."""
    fit_phase: ClassVar[str]
    """What fitting is called: ``train`` or ``build``."""
    sections: ClassVar[tuple[str, ...]]
    """Root sections of the configuration that this method takes besides its own settings; each is given as a
    keyword of its name to the classifier and to both closed forms."""

    def memory_law(self, shape: ProblemShape, *_: Any, **sections: Any) -> MemoryLaw:
        """Closed-form peak of the fit phase over the base, data and encoder not counted."""
        ...

    def gpu_bytes(self, shape: ProblemShape, *_: Any, **sections: Any) -> int:
        """Closed-form bytes that fitting takes on the GPU; 0 with ``device=cpu``."""
        ...

    def model_bytes(self, shape: ProblemShape, *_: Any, **sections: Any) -> int:
        """Closed-form bytes of the saved model, encoder not counted."""
        ...

    def served_terms(self, shape: ProblemShape, *_: Any, **sections: Any) -> dict[str, int]:
        """Bytes of the model once every page was touched, by the names that the server holds them under."""
        ...

    def opened_terms(self, shape: ProblemShape, *_: Any, **sections: Any) -> dict[str, int]:
        """The same names with what is resident when the model has just been opened: 0 for what is mapped."""
        ...

    def search_terms(self, shape: ProblemShape, *_: Any, **sections: Any) -> dict[str, int]:
        """Bytes that answering a batch takes beside the model."""
        ...

    def refusal(self, shape: ProblemShape, *_: Any, **sections: Any) -> str | None:
        """Why it cannot bear this size although the memory is there; None: it can."""
        ...

    def rank_law(self, shape: ProblemShape, ranks: int, *_: Any, **sections: Any) -> MemoryLaw:
        """Closed-form peak of the fit phase in the largest of several ranks, where ``can_shard``."""
        ...

    def traffic_bytes(self, shape: ProblemShape, ranks: int, *_: Any, **sections: Any) -> int:
        """Bytes that cross between all ranks in one step."""
        ...

    def works(self, shape: ProblemShape, num_examples: int, *_: Any, **sections: Any) -> dict[str, Work]:
        """Closed-form work of each quantity of :mod:`xclass.classifiers.work` that the method has.

        ``num_examples`` is the number of training examples; encoding of text is not told apart.
        """
        ...


METHOD_CONFIGS: dict[str, type[MethodConfig]] = {
    config.name: config
    for config in (
        DenseSoftmaxConfig,
        DenseSoftmaxAutogradConfig,
        SampledSoftmaxConfig,
        NearestNeighbourConfig,
        HierarchicalSoftmaxConfig,
        MachConfig,
        FrozenVectorsConfig,
        AdaptiveSoftmaxConfig,
        LinearSvmConfig,
        BoostingConfig,
        ParabelConfig,
        PltConfig,
        PriorConfig,
        KnnConfig,
        SparseMeansConfig,
    )
}
