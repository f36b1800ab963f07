"""Runs that differ in their seed alone become one row; everything else stays apart."""

import json

import pytest
from made_records import measured_method
from scipy import stats

from xclass.records.record import Accuracy
from xclass.records.store import write_record
from xclass.report.over_seeds import mean_interval, over_seeds, t_quantile
from xclass.report.seeds_section import seeds_section
from xclass.report.write import write_sweep_reports


def row(seed, share, *, half=0.001, **changes):
    made = {
        "run": str(seed), "variant": "dense_softmax", "settings": "{}", "phase": "serve", "data": "synthetic",
        "classes": 1000, "dim": 8, "seed": seed, "verdict": "measured", "cause": None,
        "accuracy_at_1": share, "accuracy_low": share - half, "accuracy_high": share + half,
        "tail_recall_at_1": share / 2, "tail_recall_at_1_low": share / 2 - half,
        "tail_recall_at_1_high": share / 2 + half, "num_queries": 500, "peak_rss_bytes": 100 + seed,
        "seconds": 1.0 + seed, "index": None,
    }  # fmt: skip
    return {**made, **changes}


@pytest.mark.parametrize("num_free", [1, 2, 3, 4, 9, 30, 31])
def test_students_quantile_is_that_of_scipy(num_free):
    assert t_quantile(num_free) == pytest.approx(stats.t.ppf(0.975, num_free), rel=1e-8)


def test_the_mean_has_students_interval():
    shares = [0.50, 0.53, 0.55]
    (merged,) = over_seeds([row(seed, share) for seed, share in enumerate(shares)])
    expected = stats.ttest_1samp(shares, 0.5).confidence_interval(0.95)
    assert (merged["accuracy_low"], merged["accuracy_high"]) == pytest.approx(tuple(expected))
    assert merged["accuracy_at_1"] == pytest.approx(sum(shares) / 3)
    assert merged["tail_recall_at_1"] == pytest.approx(sum(shares) / 6)
    assert (merged["peak_rss_bytes"], merged["seconds"]) == (101, 2.0)
    assert (merged["run"], merged["num_seeds"], merged["num_queries"]) == ("seeds 0, 1, 2", 3, 500)


def test_seeds_that_agree_do_not_make_a_share_certain():
    (merged,) = over_seeds([row(seed, 0.9, half=0.02) for seed in range(3)])
    assert (merged["accuracy_low"], merged["accuracy_high"]) == pytest.approx((0.88, 0.92))


def test_an_interval_stays_within_0_and_1():
    assert mean_interval([(0.99, 0.98, 1.0), (0.5, 0.4, 0.6)]) == (0.0, 1.0)


@pytest.mark.parametrize(
    "change", [{"settings": "{1}"}, {"classes": 2000}, {"variant": "other"}, {"data": "lemmas"}, {"seed": 0}]
)
def test_runs_that_differ_in_more_stay_apart(change):
    rows = [row(0, 0.5), row(1, 0.6) | change]
    assert over_seeds(rows) == rows
    assert seeds_section(rows) == ""


def test_one_seed_that_failed_is_not_averaged_away():
    failed = row(1, 0.5) | {"verdict": "failed", "cause": "killed", "accuracy_at_1": None}
    (merged,) = over_seeds([row(0, 0.5), failed])
    assert (merged["verdict"], merged["cause"]) == ("failed", "seed 1: killed")
    assert merged["accuracy_at_1"] is None
    assert seeds_section([row(0, 0.5), failed]) == ""


def test_a_sweep_over_seeds_is_reported_with_its_mean(tmp_path):
    for seed, share in enumerate((0.70, 0.74, 0.72)):
        accuracy = Accuracy(num_queries=1000, at_1=share, at_1_low=share - 0.01, at_1_high=share + 0.01,
                            at_5=0.9, at_5_low=0.88, at_5_high=0.92)  # fmt: skip
        for record in measured_method("dense_softmax", 300, 30, accuracy, 0.002):
            record.seed = record.config["seed"] = seed
            write_record(tmp_path / str(seed), record)
    reports = write_sweep_reports(tmp_path)
    (line,) = reports.seeds
    assert line.startswith(
        "dense_softmax at 100,000 classes of synthetic, 64 dimensions: 72 % (67 to 77) right"
    )
    found = {row["phase"]: row for row in json.loads(reports.summary_json.read_text())["over_seeds"]}
    assert found["serve"]["accuracy_at_1"] == pytest.approx(0.72)
    assert found["train"]["num_seeds"] == 3
    assert "settings" not in found["serve"]
    text = reports.report_md.read_text()
    assert "of 1,000 queries on average of 3 seeds (95 % interval over seeds 67 to 77)" in text
    assert "## Over seeds" in text
    assert "| 0, 1, 2 | 72 % (67 to 77) | 70, 74, 72 % |" in text
    assert "Over seeds</h2>" in reports.report_html.read_text()
