"""What a page says over several runs: what compares, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import answered, latencies, make_record, predicted, reading

from xclass.records.record import Phase, Verdict
from xclass.report.page.contents import make_document
from xclass.report.page.sources import RunRecords, read_runs
from xclass.report.rows import shown_variant

HERE = Path("outputs")


def run(label, right, *, data="synthetic", classes=100_000, peak=300, **changes):
    serve = make_record(
        "dense_softmax", Phase.SERVE, classes=classes, data=data, memory=reading(100, peak),
        predicted=predicted(peak - 100, 100), accuracy=answered(right, right - 0.01, right + 0.01),
        latencies=latencies(0.001), **changes,
    )  # fmt: skip
    return RunRecords(label=label, folder=HERE / label, records=[serve])


def text_of(*runs, damaged=()):
    return make_document(runs, folder=HERE, damaged=damaged).to_markdown()


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_only_the_largest_size_is_compared():
    text = text_of(run("small", 0.9, classes=1000), run("large", 0.6, classes=100_000))
    assert "answered right: 60 %" in text.split("## ")[0]
    assert "1,000" not in section(text, "Methods and phases")
    assert "| 1,000 | [small](small/report.md)" in section(text, "All runs")


def test_accuracies_of_different_data_are_not_ranked():
    opening = text_of(run("a", 0.9, data="lemmas", classes=50_000), run("b", 0.6)).split("## ")[0]
    assert opening.count("answered right") == 2
    assert "answered best" not in opening
    assert opening.index("100,000 classes of `synthetic`") < opening.index("50,000 classes of `lemmas`")


def test_the_same_method_of_two_runs_is_told_apart_by_run():
    text = text_of(run("a", 0.9, peak=300), run("b", 0.6, peak=200))
    opening = text.split("## ")[0]
    assert "answered best: 90 %" in opening
    assert "**300 MiB to serve**" in opening
    assert "Least RAM to serve: `dense_softmax`, measured peak 200 MiB, 60 % right" in opening
    lines = [line for line in section(text, "Methods and phases").splitlines() if "dense_softmax" in line]
    assert [line.split(" | ")[1] for line in lines] == ["`a`", "`b`"]


def test_what_was_left_out_is_told_over_all_runs_once():
    failed = run("a", 0.5, verdict=Verdict.FAILED, cause="it broke")
    text = text_of(failed, run("b", 0.6, classes=200_000), damaged=["c.json: damaged"])
    assert text.count("## Left out, refused or failed") == 1
    left_out = section(text, "Left out, refused or failed")
    assert "`a`, `dense_softmax` serve: **failed:** it broke" in left_out
    assert "c.json: damaged" in left_out


def test_an_accuracy_never_stands_without_its_caveat():
    text = text_of(run("a", 0.9), run("b", 0.6))
    for title in ("Methods and phases", "All runs", "Accuracy"):
        assert "it can be better or worse on yours" in section(text, title)
    assert "it can be better or worse on yours" in text.split("## ")[0]


def test_runs_of_several_folders_have_names_of_their_own(tmp_path):
    for name in ("a/0", "a/1", "b"):
        (tmp_path / name / "records").mkdir(parents=True)
    runs = read_runs([tmp_path / "a", tmp_path / "b", tmp_path / "a" / "1"], [])
    assert [run.label.removeprefix(f"{tmp_path}/") for run in runs] == ["a/0", "a/1", "b"]
    assert [run.label for run in read_runs([tmp_path / "a"], [])] == ["0", "1"]
    assert [run.label for run in read_runs([tmp_path / "b"], [])] == [""]


@pytest.mark.parametrize("config", [{"methods": ["x"], "colour": "red"}, {"threads": 2}])
def test_records_of_an_unknown_xclass_are_shown_by_their_method(config):
    text = text_of(run("a", 0.9, config=config), run("b", 0.6, classes=1000))
    assert "| `dense_softmax`" in section(text, "Methods and phases")


def test_what_is_hardly_ever_right_neither_is_the_leanest_nor_flattens_the_figure():
    runs = [run("a", 0.9, peak=300), run("b", 0.85, peak=200), run("guess", 0.02, peak=60)]
    document = make_document(runs, folder=HERE, damaged=())
    opening = document.sections[0].body
    assert "Least RAM to serve among those that are right at least half as often: `dense_softmax`" in opening
    assert "200 MiB, 85 % right" in opening
    assert "2.0 % (" not in document.figures["figures/frontier.svg"]
    assert "85 % (84 to 86) in 200 MiB" in document.figures["figures/frontier.svg"]


def test_a_method_is_named_without_its_data_where_that_is_named_besides():
    row = {"method": "knn", "data": "text", "variant": "knn, num_neighbours=3, text, allocator=default"}
    assert shown_variant(row) == "knn, num_neighbours=3, allocator=default"
    assert shown_variant({"method": "text", "data": "text"}) == "text"
