"""What the calculator knows: the projection at every stop of its sliders, computed here and not in the page.

A second implementation of the closed forms and fits in JavaScript would drift from the first. So that the
page agrees with ``python -m xclass.project`` to the byte, it carries what :meth:`Projector.project` said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.projection.projector import Projector
from xclass.projection.result import Basis, ProjectedPhase
from xclass.report.text import clean

CLASS_STOPS = (*(digit * 10**power for power in range(3, 9) for digit in range(1, 10)), 10**9)
DIM_STOPS = (32, 64, 96, 128, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
INDEX_KINDS = (
    "Flat", "SQ8", "IVF{lists},Flat", "IVF{lists},SQ8", "IVF{lists},PQ16", "OPQ16,IVF{lists},PQ16",
    "IVF{lists},RaBitQ4", "PQ64x4fs", "RaBitQ1", "RaBitQ2", "RaBitQ3", "RaBitQ4", "HNSW32", "HNSW32,SQ8",
)  # fmt: skip
"""Kinds that are shown beside the measured ones: the choices of conf/index, which tests compare."""
MEASURED, PROJECTED, MARKED, PREDICTED, REFUSED, IMPOSSIBLE = "mpxfri"
"""How far a stop can be trusted; MARKED is beyond 10 x, REFUSED and IMPOSSIBLE have no figures."""
_REFUSING_KEYS = ("classes",)
"""What :meth:`Projector.project` blames for what lies too far beyond the measured sizes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One thing that can be chosen, and what was said of it at every stop."""

    key: str
    method: str
    kind: str
    """What of it is not the method: ``bfloat16``, ``IVF{lists},SQ8``."""
    is_measured: bool
    """Some size of it was."""
    states: list[str]
    """One letter for each stop of classes, a string for each of the dimensions."""
    reasons: list[str]
    """Why the first stop that is IMPOSSIBLE is so, by dimensions; empty where none is."""
    cells: Mapping[tuple[int, int], Sequence[ProjectedPhase]]
    """(dim, classes) -> phases, where there are figures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalculatorTable:
    """All stops of all variants."""

    classes: tuple[int, ...]
    dims: tuple[int, ...]
    start: tuple[int, int]
    """(classes, dim) that the sliders stand at when the page is opened."""
    variants: list[Variant] = field(default_factory=list)


def make_table(
    projector: Projector, asked: Mapping[str, int], *, is_far_allowed: bool = False
) -> CalculatorTable:
    """Project every variant, measured or not, at every stop.

    Sizes that were measured are stops too, so that they can be seen as measured, and so is the one that was
    asked about.

    Args:
        projector: over the runs.
        asked: ``classes`` and ``dim`` that the sliders begin at; else the largest that were measured.
        is_far_allowed: nothing is refused for its distance; it is marked all the same.
    """
    project = partial(projector.project, is_far_allowed=is_far_allowed)
    measured = projector.configs
    sizes = [(config.classes, config.dim) for config, _ in measured.values() if config.classes]
    largest = max(sizes, default=(CLASS_STOPS[0], DIM_STOPS[0]))
    start = (asked.get("classes", largest[0]), asked.get("dim", largest[1]))
    classes = tuple(sorted({*CLASS_STOPS, *(count for count, _ in [*sizes, start])}))
    dims = tuple(sorted({*DIM_STOPS, *(dim for _, dim in [*sizes, start])}))
    candidates = [*measured.values(), *_unmeasured(measured)]
    variants: dict[str, Variant] = {}
    for number, (config, method) in enumerate(candidates):
        is_measured = number < len(measured)
        variant = _variant(project, config, method, classes, dims, is_measured=is_measured)
        if variant.cells:
            variants.setdefault(variant.key, variant)
    return CalculatorTable(classes=classes, dims=dims, start=start, variants=list(variants.values()))


def _unmeasured(measured: Mapping[str, tuple[RunConfig, str]]) -> Iterator[tuple[RunConfig, str]]:
    """What the closed forms know beside it, with the other settings of a run of the same method."""
    if not measured:
        return
    any_config = next(iter(measured.values()))[0]
    of_method = {method: config for config, method in reversed(list(measured.values()))}
    for method in ("dense_softmax", "sampled_softmax"):
        config = of_method.get(method, any_config)
        for dtype in type(config.weights.dtype):
            yield replace(config, weights=replace(config.weights, dtype=dtype)), method
    config = of_method.get("nearest_neighbour", any_config)
    for factory in INDEX_KINDS:
        try:
            plain = replace(config.index, factory=factory, rerank=0, on_disk_lists=False)
            yield replace(config, index=plain), "nearest_neighbour"
        except ConfigError:
            # A graph over the class vectors of a head: refused by the index itself.
            continue


def _variant(
    project: Callable[[RunConfig, str], Sequence[ProjectedPhase]],
    config: RunConfig,
    method: str,
    classes: Sequence[int],
    dims: Sequence[int],
    *,
    is_measured: bool,
) -> Variant:
    states, reasons = [], []
    cells: dict[tuple[int, int], Sequence[ProjectedPhase]] = {}
    for dim in dims:
        row, reason = "", ""
        for count in classes:
            if row.endswith(REFUSED):
                row += REFUSED  # More classes are only further away.
                continue
            try:
                phases = project(replace(config, classes=count, dim=dim), method)
            except ConfigError as error:
                row += REFUSED if error.key in _REFUSING_KEYS else IMPOSSIBLE
                if row.endswith(IMPOSSIBLE):
                    reason = reason or clean(error)
            else:
                cells[dim, count] = phases
                row += _state(phases)
        states.append(row)
        reasons.append(reason)
    key = clean(next(iter(cells.values()))[0].variant) if cells else method
    return Variant(
        key=key,
        method=method,
        kind=_kind(key, config, method),
        is_measured=is_measured,
        states=states,
        reasons=reasons,
        cells=cells,
    )


def _state(phases: Sequence[ProjectedPhase]) -> str:
    """The least certain of its phases decides."""
    if any(phase.basis is Basis.PREDICTED for phase in phases):
        return PREDICTED
    if any(phase.is_marked for phase in phases):
        return MARKED
    return MEASURED if all(phase.basis is Basis.MEASURED for phase in phases) else PROJECTED


def _kind(key: str, config: Any, method: str) -> str:
    rest = key.removeprefix(method).lstrip(", ")
    if rest:
        return rest
    if method == "nearest_neighbour":
        return clean(config.index.factory)
    return "float32"
