"""How much RAM a service may take: what its model was measured to serve in, and what the service adds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from xclass.errors import RecordError
from xclass.records.record import Pass, Phase, Verdict
from xclass.records.store import RECORDS_FOLDER, read_record
from xclass.serving.settings import ServeSettings
from xclass.units import MIB

SERVICE_BYTES = 32 * MIB
"""What a worker takes over the measured serve phase: 8.3 MiB of imports (starlette, uvicorn and others;
read_status before and after them), and what 400 connections with a request each hold under overload.
Source: benchmarks/records/serving_load."""
SUPERVISOR_BYTES = 24 * MIB
"""Of the process that starts the workers: 22 MiB resident, a Python without numpy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """Closed form: ``peak + (W - 1) own + W (service + room) + supervisor``.

    Attributes:
        peak_bytes: resident peak of the recorded serve phase.
        own_bytes: the part of it that each further worker has again: anonymous memory.
        num_workers: W.
        room_bytes: for bodies of requests and for reading them, of each worker.
        batch_size: queries of the largest batch that was measured.
        source: record that it stands in.
    """

    peak_bytes: int
    own_bytes: int
    num_workers: int
    room_bytes: int
    batch_size: int
    source: str

    @property
    def total_bytes(self) -> int:
        """Of all processes of the service."""
        each_bytes = SERVICE_BYTES + self.room_bytes
        further_bytes = (self.num_workers - 1) * self.own_bytes
        return self.peak_bytes + further_bytes + self.num_workers * each_bytes + SUPERVISOR_BYTES

    def to_json(self) -> dict[str, int | str]:
        """Its parts, for those who want to add them up."""
        return {**asdict(self), "service_bytes": SERVICE_BYTES, "supervisor_bytes": SUPERVISOR_BYTES}


def read_promise(folder: Path, settings: ServeSettings) -> Promise | str:
    """From the record of the serve phase of the run that a model lies in.

    Args:
        folder: of the model, no link.
        settings: of the service.

    Returns:
        The promise, or in words why nobody gave one.
    """
    path = folder.parent.parent / RECORDS_FOLDER / f"{folder.name}-{Phase.SERVE}-{Pass.RSS}.json"
    if folder.parent.name != "models" or not path.is_file():
        return "no record of serving it lies beside the model"
    try:
        record = read_record(path)
    except RecordError as error:
        return str(error)
    memory = record.memory
    if record.verdict is not Verdict.MEASURED or memory is None:
        return f"serving it ended as {record.verdict} in {path.name}"
    sizes = [latency.batch_size for latency in record.latencies]
    return Promise(
        peak_bytes=memory.peak_rss_bytes,
        own_bytes=memory.peak_anon_bytes,
        num_workers=settings.workers,
        room_bytes=settings.room_bytes + settings.reading_bytes,
        batch_size=max(sizes, default=1),
        source=path.name,
    )
