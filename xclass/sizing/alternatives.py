"""What would bring a phase down to a smaller server: leaner settings, with what they were measured to cost.

Bytes are the closed form of the leaner settings at the size in question; recall, accuracy and time are
measurements at other sizes, each with its record, and say how much is lost, not what is left. The exact ten
of synthetic data are nearly as hard to find as those of vectors without structure; on real data less is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from xclass.classifiers.device import Device
from xclass.classifiers.nearest_neighbour.index_config import VectorSource
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.weights.config import WeightDtype, WeightStorage
from xclass.config import RunConfig
from xclass.records.record import Phase
from xclass.sizing.choice import Choice, choose
from xclass.sizing.hardware import Hardware
from xclass.sizing.measured_costs import MeasuredCost, measured_costs
from xclass.sizing.plan import PhasePlan, make_shape, plan_method
from xclass.units import format_bytes

NEAREST_NEIGHBOUR = "nearest_neighbour"
SAMPLED_SOFTMAX = "sampled_softmax"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """One leaner way, and the server that is enough for it."""

    option: str
    """Key of its measured cost."""
    meaning: str
    """In words."""
    settings: tuple[str, ...]
    """To be typed; empty where nothing is set and only less memory is rented."""
    method: str
    """Whose phase this is: another one where the class vectors of a head are put into an index."""
    phase: Phase
    needed_bytes: int
    choice: Choice
    costs: tuple[MeasuredCost, ...]
    """Empty where it was not measured."""

    @property
    def words(self) -> str:
        """In one line: what, bytes, server, cost."""
        how = f" ({' '.join(self.settings)})" if self.settings else ""
        measured = "; ".join(cost.words for cost in self.costs)
        cost = f"measured on {measured}" if measured else "its cost was not measured"
        return f"{self.meaning}{how}: {format_bytes(self.needed_bytes)}, {self.choice.words}; {cost}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lean:
    """One leaner way, before a server is chosen for it."""

    option: str
    meaning: str
    settings: tuple[str, ...]
    plan: PhasePlan
    room_share: float = 1.0
    """Part of the pages of files that there is to be room for."""

    @property
    def needed_bytes(self) -> int:
        """Closed-form peak less the pages of files that there is no room for."""
        roomless = round((1.0 - self.room_share) * self.plan.mapped_bytes)
        return self.plan.on_machine(self.plan.peak_bytes - roomless)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Index:
    """A leaner index."""

    meaning: str
    factory: Callable[[int], str]
    """Of the dimensions."""
    settings: Callable[[int], tuple[str, ...]]
    rerank: int = 0
    is_rerank_mapped: bool = True


_INDEXES = {
    "sq8": _Index(
        meaning="one byte per value",
        factory=lambda _: "SQ8",
        settings=lambda _: ("index=sq8",),
    ),
    "sq8_rerank": _Index(
        meaning="one byte per value, 20 candidates ranked again from a mapped file",
        factory=lambda _: "SQ8",
        settings=lambda _: ("index=sq8", "index.rerank=20"),
        rerank=20,
    ),
    "rabitq4": _Index(
        meaning="RaBitQ, four bits per value",
        factory=lambda _: "RaBitQ4",
        settings=lambda _: ("index=rabitq4",),
    ),
    "pq_fast_scan_rerank": _Index(
        meaning="product quantisation, two bits per value, 1000 candidates read from a file and ranked again",
        # As measured: a code of four bits for every two dimensions.
        factory=lambda dim: f"PQ{dim // 2}x4fs",
        settings=lambda dim: (
            f"index.factory=PQ{dim // 2}x4fs",
            "index.rerank=1000",
            "index.is_rerank_mapped=false",
        ),
        rerank=1000,
        is_rerank_mapped=False,
    ),
}


def suggest(
    config: RunConfig,
    method: str,
    phase: Phase,
    needed_bytes: int,
    hardware: Hardware,
    *,
    num_machines: int = 1,
) -> list[Alternative]:
    """Leaner ways that a cheaper server is enough for, the cheapest first.

    Args:
        config: of the run, at the size in question: ``classes`` is set.
        method: whose phase needs too much.
        phase: train, build or serve; nothing is suggested for the others.
        needed_bytes: what it needs as it is.
        hardware: the catalogue.
        num_machines: that the ranks of a head are spread over; of each of them are the bytes.
    """
    now = _rank(choose(hardware, needed_bytes))
    found = [
        _alternative(lean, hardware)
        for lean in _leaner(config, method, phase, num_machines)
        if lean.needed_bytes < needed_bytes
    ]
    cheaper = [option for option in found if option.choice.server and _rank(option.choice) < now]
    return sorted(cheaper, key=lambda option: (_rank(option.choice), option.needed_bytes))


def _alternative(lean: _Lean, hardware: Hardware) -> Alternative:
    return Alternative(
        option=lean.option,
        meaning=lean.meaning,
        settings=lean.settings,
        method=lean.plan.method,
        phase=lean.plan.phase,
        needed_bytes=lean.needed_bytes,
        choice=choose(hardware, lean.needed_bytes),
        costs=tuple(
            cost for cost in measured_costs().get(lean.option, ()) if _concerns(lean.plan.phase, cost)
        ),
    )


def _concerns(phase: Phase, cost: MeasuredCost) -> bool:
    """The time of a query says nothing of training."""
    is_only_time = cost.recall is cost.accuracy is cost.steps_per_second is None
    return phase is Phase.SERVE or not is_only_time


def _rank(choice: Choice) -> tuple[bool, bool, float, int]:
    """Smaller is cheaper; nothing that fits is the dearest."""
    if choice.server is None:
        return True, True, 0.0, 0
    price = choice.server.usd_per_hour
    return False, price is None, price or 0.0, choice.server.ram_bytes if price is None else 0


def _leaner(config: RunConfig, method: str, phase: Phase, num_machines: int) -> Iterator[_Lean]:
    if method == NEAREST_NEIGHBOUR and phase in (Phase.BUILD, Phase.SERVE):
        yield from _indexes(config, phase, vectors=config.index.vectors)
    if phase in (Phase.TRAIN, Phase.SERVE) and "weights" in METHOD_CONFIGS[method].sections:
        yield from _weights(config, method, phase, num_machines)
    if method in tuple(VectorSource) and phase is Phase.SERVE:
        yield from _indexes(config, phase, vectors=VectorSource(method))


def _weights(config: RunConfig, method: str, phase: Phase, num_machines: int) -> Iterator[_Lean]:
    """Fewer bytes for the class vectors of a head, or the same in a file."""
    if config.weights.dtype is WeightDtype.float32:
        weights = replace(config.weights, dtype=WeightDtype.bfloat16)
        yield _Lean(
            option=f"bfloat16_{method}",
            meaning="two bytes per value",
            settings=("weights.dtype=bfloat16",),
            plan=_plan(replace(config, weights=weights), method, phase, num_machines),
        )
    if phase is Phase.SERVE:
        # Every head is served as an exact scan of its mapped class vectors, which is what was measured.
        yield _Lean(
            option="scan_from_disk",
            meaning="the same model read from the disk again for every query",
            settings=(),
            plan=_plan(config, method, phase),
            room_share=_room("scan_from_disk"),
        )
    is_movable = config.weights.storage is WeightStorage.memory and config.device is Device.cpu
    if phase is Phase.TRAIN and method == SAMPLED_SOFTMAX and is_movable:
        weights = replace(config.weights, storage=WeightStorage.memmap)
        yield _Lean(
            option="memmap",
            meaning="class vectors in a file, with room in memory for part of it",
            settings=("weights.storage=memmap",),
            plan=_plan(replace(config, weights=weights), method, phase, num_machines),
            room_share=_room("memmap"),
        )


def _indexes(config: RunConfig, phase: Phase, *, vectors: VectorSource) -> Iterator[_Lean]:
    """The same class vectors in a leaner index; also those of a head, which then is served by faiss."""
    is_moved = vectors is not config.index.vectors
    place = f"class vectors of {vectors} in an index, " if is_moved else ""
    settings = (f"methods=[{vectors},{NEAREST_NEIGHBOUR}]", f"index.vectors={vectors}") if is_moved else ()
    lenders = [] if vectors is VectorSource.means else [vectors.value]
    methods = list(dict.fromkeys([*config.methods, *lenders, NEAREST_NEIGHBOUR]))
    for option, lean in _INDEXES.items():
        index = replace(
            config.index,
            factory=lean.factory(config.dim),
            rerank=lean.rerank,
            is_rerank_mapped=lean.is_rerank_mapped,
            on_disk_lists=False,
            target_recall=None,
            vectors=vectors,
        )
        assert config.classes is not None
        if index.misfit(config.classes, config.dim) is None:
            yield _Lean(
                option=option,
                meaning=f"{place}{lean.meaning}",
                settings=(*settings, *lean.settings(config.dim)),
                plan=_plan(replace(config, methods=methods, index=index), NEAREST_NEIGHBOUR, phase),
            )


def _room(option: str) -> float:
    """Part of its file that an option was measured with."""
    (cost,) = measured_costs()[option]
    assert cost.room_share is not None
    return cost.room_share


def _plan(config: RunConfig, method: str, phase: Phase, num_machines: int = 1) -> PhasePlan:
    assert config.classes is not None, "suggestions are for one size"
    plans = plan_method(config, method, make_shape(config, config.classes), num_machines=num_machines)
    return next(plan for plan in plans if plan.phase is phase)
