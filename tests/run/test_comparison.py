"""One whole run of all four methods at 2000 classes: what it leaves, and that its figures can be true."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from real_runs import RunFolder

pytestmark = pytest.mark.slow

CLASSES, DIM = 2000, 32
SOFTMAX = ["dense_softmax", "dense_softmax_autograd", "sampled_softmax"]
METHODS = [*SOFTMAX, "nearest_neighbour"]
KEYS = {
    "method", "phase", "classes", "dim", "data", "verdict", "predicted_peak_bytes", "held_bytes",
    "import_bytes",
    "base_rss_bytes", "peak_rss_bytes", "peak_anon_bytes", "peak_heap_bytes", "seconds", "examples_seen",
    "accuracy_at_1", "accuracy_at_5", "accuracy_low", "accuracy_high", "queries_per_second",
    "latency_p50_seconds", "latency_p99_seconds",
}  # fmt: skip
PHASES = {("synthetic", "prepare")} | {
    (method, phase)
    for method in METHODS
    for phase in ("build" if method == "nearest_neighbour" else "train", "load", "serve")
}


@pytest.fixture(scope="module")
def folder(comparison) -> RunFolder:
    return comparison[0]


def fit_row(folder, method):
    return folder.rows()[method, "build" if method == "nearest_neighbour" else "train"]


def test_it_ends_well_and_says_where_the_report_is(comparison):
    folder, done = comparison
    assert (done.exit_code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == f"report: {folder.path / 'report.md'}"
    for method in METHODS:
        assert method in done.out


def test_the_summary_is_the_stable_interface(folder):
    summary = folder.summary()
    assert summary["schema_version"] == 1
    assert {(row["method"], row["phase"]) for row in summary["rows"]} == PHASES
    assert len(summary["rows"]) == len(PHASES)
    for row in summary["rows"]:
        assert set(row) >= KEYS
        assert (row["verdict"], row["cause"]) == ("measured", None)
        assert (row["classes"], row["dim"], row["data"]) == (CLASSES, DIM, "synthetic")


def test_memory_figures_can_be_true(folder):
    for row in folder.summary()["rows"]:
        assert 0 < row["import_bytes"] < row["base_rss_bytes"] < row["peak_rss_bytes"] + (1 << 20)
        assert row["peak_anon_bytes"] <= row["peak_rss_bytes"]
        assert row["peak_file_bytes"] <= row["peak_rss_bytes"]
        assert row["base_rss_bytes"] < 1 << 30
        assert row["seconds"] > 0


@pytest.mark.parametrize("method", METHODS)
def test_the_plan_is_of_the_right_size(folder, method):
    for (name, phase), row in folder.rows().items():
        if name == method:
            assert row["peak_rss_bytes"] / 2 < row["predicted_peak_bytes"] < row["peak_rss_bytes"] * 2, phase


@pytest.mark.parametrize("method", METHODS)
def test_the_class_vectors_are_held_and_on_the_heap(folder, method):
    row = fit_row(folder, method)
    vectors = 4 * CLASSES * DIM
    held = folder.record(f"{method}-{row['phase']}-rss")["held"]
    # A FAISS index is counted with its header, as it lies in the file.
    assert any(vectors <= size < vectors + 256 for size in held.values()), held
    assert row["held_bytes"] == sum(held.values())
    assert row["peak_heap_bytes"] >= vectors
    assert row["examples_seen"] > 0


@pytest.mark.parametrize("method", METHODS)
def test_heap_peak_and_resident_peak_come_from_two_processes(folder, method):
    phase = fit_row(folder, method)["phase"]
    untraced, traced = (folder.record(f"{method}-{phase}-{pass_}") for pass_ in ("rss", "heap"))
    assert untraced["heap"] is None
    assert traced["memory"] is None
    assert traced["accuracy"] is None
    assert untraced["command"] != traced["command"]


@pytest.mark.parametrize("method", METHODS)
def test_accuracy_lies_in_its_interval_and_is_far_above_chance(folder, method):
    row = folder.rows()[method, "serve"]
    assert row["accuracy_low"] <= row["accuracy_at_1"] <= row["accuracy_high"]
    assert row["accuracy_at_1"] <= row["accuracy_at_5"]
    assert row["accuracy_low"] > 0.3
    assert row["accuracy_high"] - row["accuracy_low"] < 0.2
    assert 0 < row["latency_p50_seconds"] <= row["latency_p99_seconds"] < 1
    assert row["queries_per_second"] > 10
    assert row["num_queries"] == 200


def test_only_serving_has_an_accuracy(folder):
    for (_, phase), row in folder.rows().items():
        assert (row["accuracy_at_1"] is not None) == (phase == "serve")
        assert (row["latency_p50_seconds"] is not None) == (phase == "serve")


@pytest.mark.parametrize("method", METHODS)
def test_the_answers_are_kept_and_give_the_accuracy(folder, method):
    answers = np.load(folder.path / "answers" / f"{method}.npz")
    assert answers["classes_QK"].shape == answers["scores_QK"].shape == (200, 5)
    assert answers["truth_Q"].shape == (200,)
    right = np.mean(answers["classes_QK"][:, 0] == answers["truth_Q"])
    assert right == pytest.approx(folder.rows()[method, "serve"]["accuracy_at_1"])
    assert np.all(np.diff(answers["scores_QK"], axis=1) <= 0)


@pytest.mark.parametrize("method", METHODS)
def test_serving_is_a_fresh_process(folder, method):
    """Another process with another base: of a torch head far below that of training."""
    rows = folder.rows()
    load, serve, fit = rows[method, "load"], rows[method, "serve"], fit_row(folder, method)
    assert load["base_rss_bytes"] == serve["base_rss_bytes"] != fit["base_rss_bytes"]
    if method in SOFTMAX:
        assert serve["base_rss_bytes"] < fit["base_rss_bytes"] - (50 << 20), "torch was loaded to serve"


def test_every_record_is_whole_and_nothing_half_written_is_left(folder):
    records = sorted((folder.path / "records").iterdir())
    assert len(records) == 1 + 3 * (len(PHASES) - 1)
    for path in records:
        assert json.loads(path.read_text())["schema_version"] == 1
    leftovers = [
        path for path in folder.path.rglob("*") if path.name.endswith(".tmp") or ".partial" in path.name
    ]
    assert leftovers == []
    assert not (folder.path / "models" / ".heap_pass").exists()


@pytest.mark.parametrize("method", METHODS)
def test_every_traced_phase_has_an_untraced_twin_and_both_are_printed(folder, method):
    for (name, phase), row in folder.rows().items():
        if name == method:
            assert row["traced_seconds"] > 0, phase
            assert row["untraced_twin_seconds"] > 0, phase
            assert -(4 << 20) < row["tracer_added_bytes"] < 40 << 20, phase
    assert "untraced (measured) | traced (measured) | slowdown" in folder.report()


@pytest.mark.parametrize("method", METHODS)
def test_the_lines_that_held_the_heap_are_of_the_method(folder, method):
    phase = "build" if method == "nearest_neighbour" else "train"
    top = folder.record(f"{method}-{phase}-heap")["heap"]["top"]
    assert 1 <= len(top) <= 5
    assert any(one["place"].startswith(("xclass/classifiers/", "xclass/encoders/")) for one in top)
    assert all(one["source"] for one in top if one["place"].startswith("xclass/"))
    assert sum(one["num_bytes"] for one in top) > 0.5 * folder.rows()[method, phase]["peak_heap_bytes"]
    assert top[0]["place"] in folder.report()


def test_phases_are_marked_by_what_begins_in_them(folder):
    train = folder.record("dense_softmax-train-rss")
    assert [name for _, name in train["marks"]] == ["class means", "steps", "saving"]
    seconds = [at for at, _ in train["marks"]]
    assert seconds == sorted(seconds)
    assert 0 <= seconds[0] <= seconds[-1] <= train["seconds"]
    serve = folder.record("dense_softmax-serve-rss")
    assert [name for _, name in serve["marks"]] == ["first answer", "batches", "single queries"]


def test_the_conditions_of_each_measurement_are_on_record(folder):
    for name in ("nearest_neighbour-build-rss", "dense_softmax-serve-rss"):
        conditions = folder.record(name)["conditions"]
        assert conditions["allocator"].endswith("malloc")
        assert conditions["num_threads"] >= 1
        assert conditions["load_average"] >= 0
        assert conditions["available_bytes"] > 0
        assert conditions["num_minor_faults"] > 0


def test_the_report_shows_its_pictures(folder):
    for name in ("ledger", "timeline"):
        page = (folder.path / "figures" / f"{name}.svg").read_text()
        ElementTree.fromstring(page)
        # What ends before the second sample has no line over time.
        drawn = {
            record["method"]
            for record in (json.loads(path.read_text()) for path in folder.path.glob("records/*-rss.json"))
            if name == "ledger" or len(record["timeline"]) > 1
        }
        assert all(method in page for method in drawn & set(METHODS))
        assert drawn & set(METHODS)
        assert f"(figures/{name}.svg)" in folder.report()


def test_every_record_can_be_repeated(folder):
    for path in (folder.path / "records").iterdir():
        record = json.loads(path.read_text())
        assert record["command"][1:3] == ["-m", "xclass.run.worker"]
        assert Path(record["command"][3]).exists()
        assert record["environment"]["MALLOC_MMAP_THRESHOLD_"] == "131072"
        assert record["environment"]["OMP_NUM_THREADS"] == "1"
        assert record["machine"]["packages"]["torch"]
        assert "classes=2e3" in record["invocation"]
        assert record["config"]["seed"] == 3


def test_each_traced_phase_has_a_flamegraph(folder):
    for row in folder.summary()["rows"]:
        if row["phase"] == "prepare":
            continue
        assert row["peak_heap_bytes"] > 0
        assert row["cause_heap"] is None
        html = (folder.path / row["flamegraph"]).read_text()
        assert "<html" in html[:2000].lower()


def test_timelines_stay_below_the_peak(folder):
    for path in (folder.path / "records").glob("*-rss.json"):
        record = json.loads(path.read_text())
        for _, rss_bytes, *_ in record["timeline"]:
            assert (
                rss_bytes <= record["memory"]["peak_rss_bytes"] + record["machine"]["rss_counter_error_bytes"]
            )


def test_the_resolved_configuration_repeats_the_run(folder, run_xclass, tmp_path):
    import yaml

    saved = yaml.safe_load((folder.path / "config.yaml").read_text())
    assert saved["classes"] == CLASSES
    assert saved["methods"] == [
        "dense_softmax",
        "dense_softmax_autograd",
        "sampled_softmax",
        "nearest_neighbour",
    ]
    assert saved["data"]["bayes_accuracy"] == 0.95


def test_the_report_opens_with_a_verdict(folder):
    lines = [line for line in folder.report().splitlines() if line.strip()]
    assert lines[0].startswith("# ")
    verdict = lines[1]
    assert any(method in verdict for method in METHODS), verdict
    assert any(unit in verdict for unit in ("GiB", "MiB")), verdict
    for word in ("Bayes", "held-out", "flamegraph"):
        assert word.lower() in folder.report().lower(), word


def test_models_hold_arrays_and_json_only(folder):
    """Nothing that executes code when it is opened."""
    for path in (folder.path / "models").rglob("*"):
        if path.is_file():
            assert path.suffix in (".npy", ".json", ".faiss"), path
            assert not zipfile.is_zipfile(path)


@pytest.mark.parametrize(
    ("name", "slack_bytes"), [("dense_softmax-train-rss", 2 << 20), ("nearest_neighbour-build-rss", 1 << 20)]
)
def test_a_worker_typed_by_hand_repeats_the_peak(folder, name, slack_bytes, tmp_path):
    record = folder.record(name)
    model = folder.path / "models" / record["method"]
    before = sorted(path.name for path in model.iterdir())
    kept = shutil.copytree(model, tmp_path / "model")
    done = subprocess.run(
        record["command"],
        env=os.environ | record["environment"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (end,) = (event for event in events if event["event"] == "phase_end")
    memory = end["outcome"]["memory"]
    assert memory["peak_rss_bytes"] == pytest.approx(record["memory"]["peak_rss_bytes"], rel=0.02)
    over_base = memory["peak_rss_bytes"] - memory["base"]["rss_bytes"]
    recorded = record["memory"]["peak_rss_bytes"] - record["memory"]["base"]["rss_bytes"]
    assert over_base == pytest.approx(recorded, abs=slack_bytes)
    assert sorted(path.name for path in model.iterdir()) == before
    # Other tests ask the model that the run made: this one had other steps in its time.
    shutil.rmtree(model)
    shutil.copytree(kept, model)


def test_a_traced_worker_typed_by_hand_traces_again(folder):
    record = folder.record("nearest_neighbour-serve-heap")
    done = subprocess.run(
        record["command"], env=os.environ | record["environment"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ends = [json.loads(line) for line in done.stdout.splitlines() if '"phase_end"' in line]
    assert [end["phase"] for end in ends] == ["load", "serve"]
    assert ends[1]["outcome"]["heap"]["peak_heap_bytes"] == pytest.approx(
        record["heap"]["peak_heap_bytes"], rel=0.05
    )


def test_a_worker_without_a_spec_says_how():
    done = subprocess.run([sys.executable, "-m", "xclass.run.worker"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "usage: python -m xclass.run.worker spec.json\n"
