"""One record: what one pass over one phase of one method measured, with all that is needed to repeat it.

A record is a JSON object. Bytes are integers, times are seconds, shares are between 0 and 1, and a value
that has no meaning is null. Readers take unknown keys as they come; a change that renames or
re-interprets a key raises SCHEMA_VERSION.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from xclass.errors import RecordError
from xclass.records.cautions import Caution, read_cautions
from xclass.records.kinds import check_kinds
from xclass.records.memory import MemoryReading
from xclass.records.metric import Metric
from xclass.records.pictures import Pictures
from xclass.records.ranks import RankReading

SCHEMA_VERSION = 1


class Verdict(StrEnum):
    """How a phase ended."""

    MEASURED = "measured"
    DOES_NOT_FIT = "does_not_fit"
    OUT_OF_MEMORY = "out_of_memory"
    FAILED = "failed"


class Phase(StrEnum):
    """The phases of a run, in order."""

    PREPARE = "prepare"
    TRAIN = "train"
    BUILD = "build"
    LOAD = "load"
    SERVE = "serve"


class Pass(StrEnum):
    """Which instrument a child carried: they are never mixed in one process."""

    RSS = "rss"
    """Untraced: kernel high-water mark, times, accuracy."""
    HEAP = "heap"
    """Under memray, shortened: heap peak and who asked for it."""
    TWIN = "twin"
    """As shortened as the heap pass but untraced: what the tracer costs is the difference of the two."""


SHORT_CHUNKS, SHORT_STEPS = 4, 2
"""What a shortened pass (heap, twin) does of fitting: so many scan chunks per thread, every buffer has been
allocated after as many; and so many steps, Adam's state exists from the second on."""
SHORT_BATCHES, SHORT_SINGLES = 2, 2
"""The same of serving: batches, and single queries besides the first answer."""


@dataclass(kw_only=True, slots=True)
class Allocation:
    """What one line of Python asked for and held at the heap's peak, all its calls together."""

    num_bytes: int
    num_calls: int
    place: str
    """``file:line``, the file as xclass or the library names it."""
    function: str
    source: str
    """The line itself; empty where the source is not at hand."""
    via: str
    """Allocating function: malloc, mmap, ..."""


@dataclass(kw_only=True, slots=True)
class HeapReading:
    """What memray saw during one phase (heap pass only)."""

    peak_heap_bytes: int
    num_allocations: int
    capture: str
    """Path of the memray capture, relative to the run folder."""
    flamegraph: str | None
    """Path of the HTML, relative to the run folder; None where it could not be rendered."""
    traced_peak_over_base_bytes: int | None = None
    """Resident peak minus base under the tracer: only to be compared with the twin's, never a result."""
    has_native_stacks: bool = False
    top: list[Allocation] = field(default_factory=list)
    """The largest at the heap's peak, largest first, at most five."""


@dataclass(kw_only=True, slots=True)
class Latency:
    """How long one batch size took to answer."""

    batch_size: int
    num_batches: int
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    queries_per_second: float
    quantiles: list[list[float]] = field(default_factory=list)
    """Rows of (percent, seconds), nearest rank: 0 the fastest, 100 the slowest; empty in old records."""

    def __post_init__(self) -> None:
        """Refuse rows that are no distribution.

        Raises:
            ValueError: rows of another length, times that fall, or none that a clock could have seen.
        """
        seconds = [row[1] for row in self.quantiles if len(row) == 2]
        is_rising = seconds == sorted(seconds) and not (seconds and (seconds[0] < 0 or seconds[-1] > 1e9))
        if len(seconds) != len(self.quantiles) or not is_rising:
            raise ValueError(f"quantiles of batches of {self.batch_size} are no rising (percent, seconds)")


@dataclass(kw_only=True, slots=True)
class Accuracy:
    """Share of queries answered right, with its 95 % Wilson interval."""

    num_queries: int
    at_1: float
    at_1_low: float
    at_1_high: float
    at_5: float
    at_5_low: float
    at_5_high: float

    def __post_init__(self) -> None:
        """Refuse, with ValueError, what is no share: a figure would draw an axis up to it."""
        shares = [self.at_1_low, self.at_1, self.at_1_high, self.at_5_low, self.at_5, self.at_5_high]
        if not all(0.0 <= share <= 1.0 for share in shares):
            raise ValueError(f"accuracy of {shares}: allowed are shares from 0 to 1")


@dataclass(kw_only=True, slots=True)
class Record:
    """See the module docstring; optional parts are None where a phase or pass has none."""

    method: str
    """Method name, or the data set's name for the prepare phase."""
    phase: Phase
    pass_: Pass
    repeat: int = 0
    """Number of the repeat (measure.repeats), from 0; only the untraced pass is repeated."""
    verdict: Verdict
    cause: str | None = None
    """One sentence for every verdict but ``measured``."""
    classes: int
    dim: int
    data: str
    seed: int
    seconds: float | None = None
    """Wall clock of the phase, imports excluded."""
    examples_seen: int | None = None
    """Examples that gradient steps (softmax heads) or the means pass (nearest neighbour) consumed."""
    details: dict[str, Any] = field(default_factory=dict)
    """Facts of this phase that only some methods have: init seconds, steps, loss, index kind, file bytes."""
    predicted: dict[str, Any] | None = None
    """``base_bytes``, ``regime``, ``components`` (name -> bytes), ``over_base_bytes``, ``peak_bytes``."""
    available_bytes: int | None = None
    """Memory that the plan could count on when it ran."""
    held: dict[str, int] | None = None
    """Component -> bytes the method owned at the end of the phase."""
    memory: MemoryReading | None = None
    """Of several ranks their sums; each on its own is in ``ranks``."""
    ranks: list[RankReading] = field(default_factory=list)
    """Of a head that several processes trained, each with a slice of the classes; else empty."""
    heap: HeapReading | None = None
    latencies: list[Latency] = field(default_factory=list)
    accuracy: Accuracy | None = None
    metrics: list[Metric] = field(default_factory=list)
    """Further ways of counting right answers (serve, first untraced pass only)."""
    pictures: Pictures | None = None
    """Confusion, similarity and map of groups of classes (serve, first untraced pass only)."""
    cautions: list[Caution] = field(default_factory=list)
    """Of the data (prepare), or of an accuracy that is too good (serve)."""
    timeline: list[list[float]] = field(default_factory=list)
    """Rows of (seconds since the phase began, rss, anon, file, shmem bytes), thinned."""
    marks: list[tuple[float, str]] = field(default_factory=list)
    """(seconds since the phase began, what began then): class means, steps, saving ..."""
    conditions: dict[str, Any] = field(default_factory=dict)
    """What bytes and times may depend on besides the config: load and available memory when the child began,
    its allocator, threads, huge pages and page faults when the phase ended."""
    data_facts: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """Variables pinned for the child: allocator, threads."""
    command: list[str] = field(default_factory=list)
    """The worker's command line: typed by hand it repeats this measurement."""
    invocation: str = ""
    """What the user typed to start the run."""
    started_at: str = ""
    """When its child was started, UTC, ISO 8601: by the machine's clock, from which no duration comes."""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """A JSON object; ``pass_`` becomes ``pass``."""
        document = asdict(self)
        document["pass"] = document.pop("pass_")
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any], *, source: str) -> Record:
        """Read a JSON object back.

        Args:
            document: what :meth:`to_json` gave, possibly with keys this version does not know.
            source: file name for the error message.

        Raises:
            RecordError: another schema version, or a key missing or of the wrong kind.
        """
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise RecordError(
                f"{source}: schema_version={version}: this xclass reads version {SCHEMA_VERSION}; "
                "re-run the experiment or use the xclass that wrote it"
            )
        known = {f.name for f in fields(cls)}
        values = {("pass_" if key == "pass" else key): value for key, value in document.items()}
        values = {key: value for key, value in values.items() if key in known}
        try:
            values["phase"] = Phase(values["phase"])
            values["pass_"] = Pass(values["pass_"])
            values["verdict"] = Verdict(values["verdict"])
            values["memory"] = _optional(MemoryReading.from_json, values.get("memory"))
            values["ranks"] = [RankReading.from_json(rank) for rank in values.get("ranks", [])]
            values["heap"] = _heap(values.get("heap"))
            values["marks"] = [(float(seconds), str(name)) for seconds, name in values.get("marks", [])]
            values["accuracy"] = _optional(lambda part: Accuracy(**part), values.get("accuracy"))
            values["metrics"] = [Metric(**metric) for metric in values.get("metrics", [])]
            values["pictures"] = _optional(Pictures.from_json, values.get("pictures"))
            values["cautions"] = read_cautions(values.get("cautions", []))
            values["latencies"] = [Latency(**latency) for latency in values.get("latencies", [])]
            record = cls(**values)
            check_kinds(record, cls)
            return record
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise RecordError(
                f"{source}: not a record of schema version {SCHEMA_VERSION}: {error}"
            ) from error


def _optional(build: Callable[[dict[str, Any]], Any], document: dict[str, Any] | None) -> Any:
    return None if document is None else build(document)


def _heap(document: dict[str, Any] | None) -> HeapReading | None:
    if document is None:
        return None
    return HeapReading(**{**document, "top": [Allocation(**top) for top in document.get("top", [])]})
