"""The RAM that a service is promised to stay below, and what it takes."""

from serving_models import save_head

from xclass.records.memory import MemoryReading, MemorySplit
from xclass.records.record import Latency, Pass, Phase, Record, Verdict
from xclass.records.store import write_record
from xclass.serving.promise import SERVICE_BYTES, SUPERVISOR_BYTES, read_promise
from xclass.serving.settings import ServeSettings
from xclass.units import MIB


def write_serve_record(run_dir, *, peak_bytes, anon_bytes, verdict=Verdict.MEASURED):
    nothing = MemorySplit(rss_bytes=0, anon_bytes=0, file_bytes=0, shmem_bytes=0, swap_bytes=0)
    memory = MemoryReading(
        interpreter=nothing, base=nothing, end=nothing, peak_rss_bytes=peak_bytes,
        peak_anon_bytes=anon_bytes, peak_file_bytes=0, peak_shmem_bytes=0, sampled_peak_rss_bytes=0,
        num_samples=1,
    )  # fmt: skip
    latency = Latency(
        batch_size=256, num_batches=1, p50_seconds=1, p95_seconds=1, p99_seconds=1, queries_per_second=1
    )
    record = Record(
        method="dense_softmax", phase=Phase.SERVE, pass_=Pass.RSS, verdict=verdict, classes=50, dim=8,
        data="synthetic", seed=0, memory=memory, latencies=[latency],
    )  # fmt: skip
    return write_record(run_dir, record)


def test_a_further_worker_costs_its_own_memory_and_not_the_model(tmp_path):
    folder = save_head(tmp_path / "models" / "dense_softmax")
    write_serve_record(tmp_path, peak_bytes=500 * MIB, anon_bytes=60 * MIB)
    one, three = (
        read_promise(folder, ServeSettings(model=str(folder), workers=number, threads=3)) for number in (1, 3)
    )
    each = SERVICE_BYTES + 44 * ServeSettings(model="").max_bytes
    assert one.total_bytes == 500 * MIB + each + SUPERVISOR_BYTES
    assert three.total_bytes - one.total_bytes == 2 * (60 * MIB + each)
    assert one.batch_size == 256


def test_without_a_measured_phase_nothing_is_promised(tmp_path):
    folder = save_head(tmp_path / "models" / "dense_softmax")
    settings = ServeSettings(model=str(folder))
    assert read_promise(folder, settings) == "no record of serving it lies beside the model"
    path = write_serve_record(tmp_path, peak_bytes=1, anon_bytes=1, verdict=Verdict.OUT_OF_MEMORY)
    assert "out_of_memory" in read_promise(folder, settings)
    path.write_text("{")
    assert "not JSON" in read_promise(folder, settings)
