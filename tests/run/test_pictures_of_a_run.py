"""Pictures of one whole run: true to its answers, and nothing that was measured knows of them."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from real_runs import SMALL

from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.source import SyntheticSource
from xclass.run.spec import ChildSpec

pytestmark = pytest.mark.slow

METHODS = ["dense_softmax", "dense_softmax_autograd", "sampled_softmax", "nearest_neighbour"]
NUM_GROUPS = 20
MIB = 1 << 20


@pytest.fixture(scope="module")
def folder(comparison):
    return comparison[0]


@pytest.mark.parametrize("method", METHODS)
def test_the_confusion_is_that_of_the_answers(folder, method):
    pictures = folder.record(f"{method}-serve-rss")["pictures"]
    with np.load(folder.path / "answers" / f"{method}.npz") as saved:
        answers, truth = saved["classes_QK"][:, 0], saved["truth_Q"]
    assert sum(map(sum, pictures["confusion"])) == len(truth) == 200
    assert sum(pictures["num_right"]) == int((answers == truth).sum())
    assert sum(pictures["num_in_group"]) == int((answers % NUM_GROUPS == truth % NUM_GROUPS).sum())
    for row, name in enumerate(pictures["groups"]):
        asked = truth % NUM_GROUPS == int(name.removeprefix("cluster "))
        assert sum(pictures["confusion"][row]) == int(asked.sum())
        assert pictures["num_right"][row] == int((answers == truth)[asked].sum())
    assert pictures["num_other_groups"] + len(pictures["groups"]) <= NUM_GROUPS
    assert pictures["seconds"] < 1


@pytest.mark.parametrize("method", METHODS)
def test_similarity_is_that_of_the_data_less_its_noise(folder, method):
    """True class vectors of one cluster share half of their squared length; means of examples less of it."""
    record = folder.record(f"{method}-serve-rss")
    source = SyntheticSource(
        SyntheticConfig(), num_classes=2000, dim=32, seed=3, sigma=record["data_facts"]["noise_sigma"]
    )
    groups = [int(name.removeprefix("cluster ")) for name in record["pictures"]["groups"]]
    true = np.stack(
        [source.class_vectors(np.arange(group, 2000, NUM_GROUPS)).mean(axis=0) for group in groups]
    )
    expected = true @ true.T
    found = np.array(record["pictures"]["similarity"])[: len(groups), : len(groups)]
    off = ~np.eye(len(groups), dtype=bool)
    assert np.corrcoef(found[off], expected[off])[0, 1] > 0.8
    assert 0.2 < np.diag(found).min() < np.diag(found).max() < 0.55
    assert np.diag(found).min() > found[off].max()
    rows = {point[0] for point in record["pictures"]["class_map"]["points"]}
    assert rows == set(range(6))


def test_only_the_untraced_serve_phase_is_judged(folder):
    for path in sorted(folder.path.glob("records/*.json")):
        record = json.loads(path.read_text())
        assert (record["pictures"] is not None) == path.name.endswith("-serve-rss.json"), path.name
        assert "pictures_failure" not in record["details"]


def test_the_record_keeps_the_distribution_of_its_latency(folder):
    for latency in folder.record("nearest_neighbour-serve-rss")["latencies"]:
        known = dict(map(tuple, latency["quantiles"]))
        for percent in (50, 95, 99):
            assert known[percent] == pytest.approx(latency[f"p{percent}_seconds"], rel=1e-3)
        assert known[0] <= known[5]
        assert known[99] <= known[100]


def test_a_record_grows_by_a_few_kilobytes(folder):
    for method in METHODS:
        assert len(json.dumps(folder.record(f"{method}-serve-rss")["pictures"])) < 6000


def test_the_report_shows_them(folder):
    report = folder.report()
    for name in ("latency", "confusion", "similarity", "class_map"):
        page = (folder.path / "figures" / f"{name}.svg").read_text()
        assert all(method in page for method in METHODS)
        assert f"](figures/{name}.svg)" in report
    assert report.count("stay in the true cluster") == len(METHODS)


def events_of(folder, method, **changes):
    """Every event of the recorded serve child, run again with other words in its spec."""
    spec = ChildSpec.read(folder.path / "specs" / f"{method}-load-serve-rss.json")
    path = folder.path / "specs" / f"again-{method}.json"
    replace(spec, **changes).write(path)
    done = subprocess.run(
        [sys.executable, "-m", "xclass.run.worker", str(path)], capture_output=True, text=True, check=True,
        env=None, timeout=60,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("method", ["dense_softmax", "nearest_neighbour"])
def test_what_is_measured_is_the_same_with_and_without(folder, method):
    outcomes = []
    for is_proof in (False, True):
        events = events_of(folder, method, is_proof=is_proof)
        ends = {event["phase"]: event["outcome"] for event in events if event["event"] == "phase_end"}
        outcomes.append(ends["serve"])
        kinds = [event["event"] for event in events]
        assert ("pictures" in kinds) == ("metrics" in kinds) == (not is_proof), "not under a cap"
        assert is_proof or kinds[-3:] == ["phase_end", "metrics", "pictures"], "after all was reported"
    with_them, without = outcomes
    assert with_them["held"] == without["held"]
    peaks = [one["memory"]["peak_rss_bytes"] - one["memory"]["base"]["rss_bytes"] for one in outcomes]
    # Kernel counters of a process with several threads, and the interpreter's own, repeat to less than this.
    assert abs(peaks[0] - peaks[1]) < MIB // 2


def test_a_child_that_dies_over_its_pictures_loses_nothing(run_doomed):
    doom = {"nearest_neighbour-load-serve-rss phase_end serve": "kill"}
    words = (*SMALL, "+classes=500", "methods=[nearest_neighbour]", "measure.heap_pass=false")
    folder, done = run_doomed(doom, *words)
    record = folder.record("nearest_neighbour-serve-rss")
    assert (done.exit_code, record["verdict"]) == (0, "measured")
    assert record["accuracy"] is not None
    assert record["pictures"] is None
    assert record["metrics"] == []
    for name in ("metrics_failure", "pictures_failure"):
        assert record["details"][name].startswith("killed by SIGKILL")
    assert "making them failed: killed by SIGKILL" in folder.report()
