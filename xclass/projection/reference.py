"""Times without runs of one's own: what the committed benchmark measured, for a plan before anything ran.

Another machine is faster or slower as a whole: an interval from here says how far the form may be wrong, and
its words say on which processor the seconds were taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xclass.classifiers.device import Device
from xclass.classifiers.weights.config import WeightStorage
from xclass.classifiers.work import STEP
from xclass.config import RunConfig
from xclass.projection.result import Basis, ProjectedTime, TimeRange
from xclass.projection.time_forms import TimeTerm, time_terms
from xclass.records.record import Phase
from xclass.sizing.plan import make_shape

_FILE = Path(__file__).with_name("reference.json")
"""Made by ``python benchmarks/projection.py --report-only``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceTime:
    """The law of one quantity, ``fixed_seconds + seconds_per_work * work``, and how wrong it was."""

    method: str
    kind: str
    """See :func:`time_kind`."""
    quantity: str
    fixed_seconds: float
    seconds_per_work: float
    worst_ratio: float
    """Of predicted and measured, the larger over the smaller, worst of the hold-outs; at least 1."""
    num_held_out: int
    largest_extrapolation: float
    """Of these hold-outs."""

    def seconds(self, work: float) -> float:
        """Of so much work."""
        return self.fixed_seconds + self.seconds_per_work * work


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Laws of every method and kind that was measured, on one machine."""

    processor: str
    num_cpus: int
    start_seconds: dict[str, float]
    """Engine -> from the start of a child to the first phase, and from the last to its end: interpreter,
    imports, warming up."""
    prepare_seconds: dict[str, float]
    """Data source -> its prepare phase, which does not depend on the number of classes."""
    laws: tuple[ReferenceTime, ...]
    """In the order of the benchmark: the first of a method stands in for kinds that were not measured."""

    @classmethod
    def load(cls) -> Reference:
        """The one that comes with the package."""
        return cls.from_json(json.loads(_FILE.read_text(encoding="utf-8")))

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Reference:
        """What :meth:`to_json` gave."""
        laws = tuple(ReferenceTime(**law) for law in document["laws"])
        return cls(**{**document, "laws": laws})

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"laws": [asdict(law) for law in self.laws]}

    def times(self, config: RunConfig, method: str) -> dict[Phase, tuple[ProjectedTime, ...]]:
        """Times of every phase; steps on a GPU, which were not measured, are left out.

        Args:
            config: of the run; without ``classes`` at the default size of the data source.
            method: its name.
        """
        num_classes = int(config.classes or config.data.default_classes)
        shape, kind = make_shape(config, num_classes), time_kind(config, method, num_classes)
        is_cpu = config.device is Device.cpu
        found: dict[Phase, tuple[ProjectedTime, ...]] = {}
        for phase, terms in time_terms(config, method, shape, {}).items():
            times = (self._time(term, method, kind) for term in terms if is_cpu or term.quantity != STEP)
            found[phase] = tuple(time for time in times if time is not None)
        return found

    def _time(self, term: TimeTerm, method: str, kind: str) -> ProjectedTime | None:
        alike = [law for law in self.laws if law.method == method and law.quantity == term.quantity]
        if not alike:
            return None
        exact = [law for law in alike if law.kind == kind]
        law = exact[0] if exact else alike[0]
        value = law.seconds(term.work)
        ratio = law.worst_ratio if exact else law.worst_ratio * _spread(alike, term.work)
        return ProjectedTime(
            quantity=term.quantity,
            meaning=term.meaning,
            seconds=TimeRange(value=value, low=value / ratio, high=value * ratio),
            count=term.count,
            form=term.form,
            basis=Basis.PREDICTED,
            error_words=self._words(law, ratio, is_exact=bool(exact)),
        )

    def _words(self, law: ReferenceTime, ratio: float, *, is_exact: bool) -> str:
        words = (
            f"measured on {self.processor} with {self.num_cpus} CPUs: the worst of {law.num_held_out} "
            f"hold-outs, at up to {law.largest_extrapolation:.3g}x, was off by {law.worst_ratio:.2f} times"
        )
        if is_exact:
            return words
        return f"{words}, and by up to {ratio:.2f} for another kind than {law.kind}, which was measured"


def _spread(laws: Sequence[ReferenceTime], work: float) -> float:
    """How far the laws of other kinds lie from the first one, as a factor."""
    first = laws[0].seconds(work)
    ratios = [law.seconds(work) / first for law in laws if first > 0 and law.seconds(work) > 0]
    return max((max(ratio, 1 / ratio) for ratio in ratios), default=1.0)


def time_kind(config: RunConfig, method: str, num_classes: int) -> str:
    """What of a method's settings decides its seconds per unit of work, in words: ``bfloat16, mapped``."""
    sections = config.sections_of(method)
    if "index" in sections:
        index = sections["index"]
        kind = index.kind(num_classes)
        bits = str(kind.bits) if kind.code == "RaBitQ" else ""
        parts = (
            "OPQ" if kind.has_rotation else "",
            "HNSW" if kind.num_links else "",
            "IVF" if kind.num_lists else "",
            f"{kind.code}{bits}{' fast-scan' if kind.is_fast_scan else ''}",
            "second stage" if index.rerank else "",
        )
        return ", ".join(part for part in parts if part)
    if "weights" in sections:
        weights = sections["weights"]
        mapped = ", mapped" if weights.storage is WeightStorage.memmap else ""
        return f"{weights.dtype.value}{mapped}"
    # Of a library's methods nothing but their size was ever varied.
    optimizer = getattr(getattr(config.method, method), "optimizer", None)
    return method if optimizer is None else str(optimizer.value)


def worst_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Of (predicted, measured) pairs: the larger over the smaller, worst of all; 1 where there are none."""
    return max((max(a / b, b / a) for a, b in pairs if a > 0 and b > 0), default=1.0)
