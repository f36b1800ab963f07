from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xclass.errors import RecordError
from xclass.records.memory import MemoryReading, MemorySplit
from xclass.records.pictures import ClassMap, Pictures
from xclass.records.record import Accuracy, HeapReading, Latency, Pass, Phase, Record, Verdict
from xclass.records.store import read_records, record_path, write_json, write_record, write_text


def make(method: str = "dense_softmax", phase: Phase = Phase.TRAIN, pass_: Pass = Pass.RSS, **more) -> Record:
    facts = {"verdict": Verdict.MEASURED, "classes": 1000, "dim": 64, "data": "synthetic", "seed": 0}
    return Record(method=method, phase=phase, pass_=pass_, **{**facts, **more})


def full_record() -> Record:
    split = MemorySplit(rss_bytes=30, anon_bytes=20, file_bytes=10, shmem_bytes=0, swap_bytes=0)
    memory = MemoryReading(
        interpreter=split,
        base=split,
        end=split,
        peak_rss_bytes=50,
        peak_anon_bytes=40,
        peak_file_bytes=10,
        peak_shmem_bytes=0,
        sampled_peak_rss_bytes=45,
        num_samples=3,
    )
    accuracy = Accuracy(
        num_queries=10, at_1=0.5, at_1_low=0.2, at_1_high=0.8, at_5=0.6, at_5_low=0.3, at_5_high=0.9
    )
    latency = Latency(
        batch_size=1,
        num_batches=3,
        p50_seconds=0.1,
        p95_seconds=0.2,
        p99_seconds=0.2,
        queries_per_second=10.0,
    )
    heap = HeapReading(peak_heap_bytes=5, num_allocations=2, capture="a.bin", flamegraph=None)
    return make(
        memory=memory,
        accuracy=accuracy,
        latencies=[latency],
        heap=heap,
        held={"weights": 3},
        timeline=[[0.0, 1.0]],
    )


def pictured() -> Record:
    pictures = Pictures(
        noun="language", groups=["de"], num_other_groups=2, confusion=[[4, 1, 0], [0, 4, 1]],
        num_right=[3, 1],
        num_in_group=[4, 2], by_chance_share=0.5, similarity=[[0.5, None], [None, 0.1]],
        class_map=ClassMap(points=[[0, 0.5, -0.5]], explained_shares=[0.3, 0.1]), left_out=None, seconds=0.1,
    )  # fmt: skip
    return make(pictures=pictures)


def test_what_is_written_is_read_back_equal(tmp_path):
    record = full_record()
    path = write_record(tmp_path, record)
    assert path == tmp_path / "records" / "dense_softmax-train-rss.json"
    assert read_records(tmp_path) == [record]


@pytest.mark.parametrize(
    "change",
    [
        {"confusion": [[4, 1], [0, 4]]},
        {"confusion": [[4, 1, 0]]},
        {"confusion": [[4, -1, 0], [0, 4, 1]]},
        {"num_right": [5, 1]},
        {"num_in_group": [4, 5]},
        {"similarity": [[0.5, 0.1, 0.2], [0.1, 0.2, 0.3]]},
        {"groups": ["de", "fr"]},
        {"class_map": {"points": [[2, 0.1, 0.1]], "explained_shares": [0.1, 0.1]}},
        {"class_map": {"points": [[0, 0.1, 0.1]], "explained_shares": [0.1]}},
        {"class_map": {"points": [], "explained_shares": [0.1, 0.1]}},
        {"similarity": [[0.5, "x"], [0.1, 0.2]]},
        {"similarity": [[0.5, 1e308], [0.1, 0.2]]},
        {"class_map": {"points": [[0, 0.1, 1e308]], "explained_shares": [0.1, 0.1]}},
        {"invented": 1},
    ],
    ids=str,
)
def test_pictures_that_cannot_be_are_refused(change, tmp_path):
    document = pictured().to_json()
    write_json(record_path(tmp_path, make()), document)
    assert read_records(tmp_path) == [pictured()]
    write_json(record_path(tmp_path, make()), {**document, "pictures": {**document["pictures"], **change}})
    with pytest.raises(RecordError, match=r"dense_softmax-train-rss\.json"):
        read_records(tmp_path)


@pytest.mark.parametrize("quantiles", [[[1]], [[0, 2.0], [50, 1.0]], [[0, -1.0]], [[0, 1e300]], [["a", 1.0]]])
def test_a_distribution_that_cannot_be_is_refused(quantiles, tmp_path):
    document = full_record().to_json()
    document["latencies"][0]["quantiles"] = quantiles
    write_json(record_path(tmp_path, full_record()), document)
    with pytest.raises(RecordError, match=r"dense_softmax-train-rss\.json"):
        read_records(tmp_path)


def test_a_record_from_before_there_were_pictures_is_read(tmp_path):
    document = full_record().to_json()
    del document["pictures"], document["latencies"][0]["quantiles"]
    write_json(record_path(tmp_path, full_record()), document)
    record = read_records(tmp_path)[0]
    assert (record.pictures, record.latencies[0].quantiles) == (None, [])


def test_unknown_keys_of_a_later_program_are_passed_over(tmp_path):
    record = make()
    write_json(record_path(tmp_path, record), {**record.to_json(), "invented_later": 1})
    assert read_records(tmp_path) == [record]


def test_records_come_in_the_order_of_a_run_whatever_the_file_names(tmp_path):
    written = [
        make("b", Phase.SERVE),
        make("b", Phase.LOAD),
        make("a", Phase.TRAIN, Pass.HEAP),
        make("a", Phase.TRAIN),
        make("zdata", Phase.PREPARE),
    ]
    for record in written:
        write_record(tmp_path, record)
    order = [(r.method, r.phase.value, r.pass_.value) for r in read_records(tmp_path)]
    assert order == [
        ("zdata", "prepare", "rss"),
        ("a", "train", "rss"),
        ("a", "train", "heap"),
        ("b", "load", "rss"),
        ("b", "serve", "rss"),
    ]


def test_a_folder_without_records_gives_none(tmp_path):
    assert read_records(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"schema_version": 1, "meth',
        b"[1, 2]",
        b"null",
        b"\xff\xfe\x00",
        b'{"schema_version": 2}',
        b'{"schema_version": 1}',
        b'{"schema_version": 1, "seconds": NaN}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_named_or_collected(tmp_path, content):
    write_record(tmp_path, make())
    bad = tmp_path / "records" / "broken-train-rss.json"
    bad.write_bytes(content)
    with pytest.raises(RecordError, match=r"broken-train-rss\.json"):
        read_records(tmp_path)
    damaged: list[str] = []
    assert read_records(tmp_path, damaged=damaged) == [make()]
    assert len(damaged) == 1
    assert "broken-train-rss.json" in damaged[0]


def test_a_loss_that_is_not_finite_and_numpy_scalars_do_not_cost_the_record(tmp_path):
    details = {"loss": math.nan, "rate": np.float32(0.5), "steps": np.int64(7), "worst": np.float64("inf")}
    path = write_record(tmp_path, make(details={**details, "folder": Path("/x"), "shape": (1, 2)}))
    assert json.loads(path.read_text())["details"] == {
        "loss": None,
        "rate": 0.5,
        "steps": 7,
        "worst": None,
        "folder": "/x",
        "shape": [1, 2],
    }


def test_a_lone_surrogate_in_a_text_is_written_escaped(tmp_path):
    write_text(tmp_path / "a.md", "x\ud800y")
    assert (tmp_path / "a.md").read_text() == "x\\ud800y"


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RecordError, match=r"a\.json: cannot be written: No space left.*free space"):
        write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_ctrl_c_in_the_middle_of_a_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_leaves_the_old_file_intact(tmp_path):
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True)
    if mount.returncode != 0:
        pytest.skip(f"no mount here: {mount.stderr.decode().strip()}")
    try:
        path = tmp_path / "a.json"
        write_json(path, {"old": 1})
        with pytest.raises(RecordError, match="No space left on device; free space"):
            write_json(path, {"new": "x" * 200_000})
        assert json.loads(path.read_text()) == {"old": 1}
        assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_process_killed_while_it_writes_leaves_whole_files_only(tmp_path):
    program = (
        "import sys; from pathlib import Path; from xclass.records.store import write_json\n"
        "path = Path(sys.argv[1]); n = 0\n"
        "while True:\n"
        "    n += 1; write_json(path, {'n': n, 'x': 'y' * 2_000_000})\n"
        "    print(n, flush=True)\n"
    )
    path = tmp_path / "records" / "a.json"
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.stdout.close()
        child.wait()
        assert len(json.loads(path.read_text())["x"]) == 2_000_000
    # What a kill left behind is not taken for a record.
    assert [p.name for p in (tmp_path / "records").glob("*.json")] == ["a.json"]


def test_a_new_file_is_readable_by_the_group_as_umask_allows(tmp_path):
    old = os.umask(0o022)
    try:
        write_text(tmp_path / "a.md", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "a.md").stat().st_mode & 0o777 == 0o644
