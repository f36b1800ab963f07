"""One proof: a recorded phase repeated under a real cap of memory, and what became of it.

A proof is a JSON object in the run's folder, ``proofs/<method>-<phase>-<bytes>.json``, beside the records and
under the same rules: bytes are integers, times seconds, what has no meaning is null, unknown keys are passed
over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from xclass.errors import RecordError
from xclass.json_object import read_json_object
from xclass.records.neighbours import read_neighbours
from xclass.records.record import Latency, Phase
from xclass.records.store import write_json

PROOF_SCHEMA_VERSION = 1
PROOFS_FOLDER = "proofs"


class ProofVerdict(StrEnum):
    """What a proof came to."""

    PROVEN = "proven"
    REFUTED = "refuted"
    NOT_PROVEN = "not_proven"
    """Neither: it ran, or failed, in a way that shows nothing about memory."""


@dataclass(kw_only=True, slots=True)
class Recorded:
    """What the record says that the proof repeats."""

    record: str
    """File name of the record."""
    started_at: str
    seconds: float | None
    peak_rss_bytes: int | None
    peak_anon_bytes: int | None
    examples_seen: int | None
    latencies: list[Latency] = field(default_factory=list)
    processor: str | None = None


@dataclass(kw_only=True, slots=True)
class Proof:
    """See the module docstring."""

    verdict: ProofVerdict
    cause: str | None = None
    """One clause for every verdict but ``proven``."""
    method: str
    phase: Phase
    classes: int
    dim: int
    data: str
    size_bytes: int
    """The promise: all that the phase may use."""
    size_text: str
    """As it was asked for."""
    cap_kind: str
    """``cgroup v1``, ``cgroup v2`` or ``RLIMIT_DATA``."""
    cap_reason: str | None = None
    """Why a better kind could not be made."""
    cap_bytes: int
    """Of the kernel's limit in the end: ``size_bytes - taken_off_bytes``."""
    taken_off_bytes: int = 0
    """Resident file pages (libraries) that other groups are charged for."""
    peak_bytes: int | None = None
    """Most charged to the group; with RLIMIT_DATA the high-water mark of resident memory."""
    peak_anon_bytes: int | None = None
    """Most anonymous memory seen."""
    highest: dict[str, int] | None = None
    """The group's usage at its highest that was seen: anon, file, mapped and kernel bytes."""
    stat: dict[str, int] = field(default_factory=dict)
    """memory.stat of the group after the end."""
    num_limit_hits: int | None = None
    num_oom_kills: int | None = None
    file_bytes: int = 0
    """Of model and data files, evicted from the page cache before."""
    cached_bytes: int = 0
    """Of these, what was in the page cache still."""
    seconds: float | None = None
    examples_seen: int | None = None
    latencies: list[Latency] = field(default_factory=list)
    read_bytes: int | None = None
    """From the disk, during the phase."""
    num_major_faults: int | None = None
    """Page faults of the phase that had to wait for the disk."""
    num_answers: int | None = None
    """Queries whose answers were compared with the recorded ones."""
    equal_share: float | None = None
    """Of these, the share with the same classes in the same order."""
    recorded: Recorded
    settings: dict[str, Any] = field(default_factory=dict)
    """What was set otherwise than in the recorded run: fewer queries."""
    file_share: float | None = None
    """On a curve: the share of the model's bytes that the cap leaves room for."""
    timeout_seconds: float | None = None
    conditions: dict[str, Any] = field(default_factory=dict)
    """As a record's: the machine when the child was started, and who ran beside it."""
    machine: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    started_at: str = ""
    schema_version: int = PROOF_SCHEMA_VERSION

    @property
    def slowdown(self) -> float | None:
        """Median time of a single query against the recorded one; of a training phase, time per example."""
        if self.latencies and self.recorded.latencies:
            return self.latencies[0].p50_seconds / self.recorded.latencies[0].p50_seconds
        ours, theirs = _pace(self), _pace(self.recorded)
        return ours / theirs if ours and theirs else None

    @property
    def batch_slowdown(self) -> float | None:
        """Recorded queries per second over those of the proof, at the larger batch size."""
        if len(self.latencies) < 2 or len(self.recorded.latencies) < 2:
            return None
        return self.recorded.latencies[-1].queries_per_second / self.latencies[-1].queries_per_second

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any], *, source: str) -> Proof:
        """Read a JSON object back.

        Args:
            document: what :meth:`to_json` gave, possibly with keys this version does not know.
            source: file name for the error message.

        Raises:
            RecordError: another schema version, or a key missing or of the wrong kind.
        """
        version = document.get("schema_version")
        if version != PROOF_SCHEMA_VERSION:
            raise RecordError(
                f"{source}: schema_version={version}: this xclass reads proofs of version "
                f"{PROOF_SCHEMA_VERSION}; prove again or use the xclass that wrote it"
            )
        try:
            values = _known(cls, document)
            values["verdict"] = ProofVerdict(values["verdict"])
            values["phase"] = Phase(values["phase"])
            values["latencies"] = _latencies(values)
            read_neighbours(values.get("conditions", {}))
            recorded = _known(Recorded, values["recorded"])
            values["recorded"] = Recorded(**{**recorded, "latencies": _latencies(recorded)})
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(
                f"{source}: not a proof of schema version {PROOF_SCHEMA_VERSION}: {error}"
            ) from error


def proof_path(run_dir: Path, proof: Proof) -> Path:
    """Where a proof lies in its run."""
    stem = proof_stem(proof.method, proof.phase, proof.size_bytes, proof.settings)
    return run_dir / PROOFS_FOLDER / f"{stem}.json"


def proof_stem(method: str, phase: Phase, size_bytes: int, settings: Mapping[str, Any]) -> str:
    """File name of a proof, without its ending; ``-short`` where settings differ from the recorded run's."""
    return f"{method}-{phase}-{size_bytes}{'-short' if settings else ''}"


def write_proof(run_dir: Path, proof: Proof) -> Path:
    """Write one proof.

    Returns:
        Its file.

    Raises:
        RecordError: it cannot be written.
    """
    path = proof_path(run_dir, proof)
    write_json(path, proof.to_json())
    return path


def read_proofs(run_dir: Path) -> list[Proof]:
    """Read all proofs of a run, by method, phase and size from the least.

    Raises:
        RecordError: a file is damaged or of another schema version.
    """
    proofs = []
    for path in (run_dir / PROOFS_FOLDER).glob("*.json"):
        try:
            document = read_json_object(path)
        except (OSError, ValueError) as error:
            raise RecordError(f"{path}: damaged ({error}); delete it and prove again") from error
        proofs.append(Proof.from_json(document, source=str(path)))
    return sorted(proofs, key=lambda proof: (proof.method, proof.phase, proof.size_bytes))


def _pace(source: Proof | Recorded) -> float | None:
    return source.seconds / source.examples_seen if source.seconds and source.examples_seen else None


def _latencies(values: dict[str, Any]) -> list[Latency]:
    return [Latency(**latency) for latency in values.get("latencies", [])]


def _known(kind: Any, document: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    return {key: value for key, value in document.items() if key in names}
