"""A test file that was trained on is noticed by a real run, from its record to its page."""

import pytest
from real_runs import RunFolder


@pytest.fixture(scope="module")
def leaking_run(tmp_path_factory, run_xclass):
    """Sixty texts of six classes; of twenty queries ten are training texts, two of them of another class."""
    folder = tmp_path_factory.mktemp("leaking")
    train = [(f"thing number {place * 7919} of the catalogue", f"class {place % 6}") for place in range(60)]
    test = [(text.upper(), name) for text, name in train[:8]]
    test += [(text, "class 5") for text, _ in train[12:14]]
    test += [(f"wholly other words {place * 104729}", "class 1") for place in range(10)]
    for name, rows in (("train.tsv", train), ("test.tsv", test)):
        lines = ["text\tclass", *("\t".join(row) for row in rows)]
        (folder / name).write_text("\n".join(lines) + "\n")
    done = run_xclass(
        "data=text", f"path={folder / 'train.tsv'}", f"test={folder / 'test.tsv'}", f"data.cache={folder}",
        "methods=[prior,sparse_means]", "threads=1", "measure.heap_pass=false",
        f"hydra.run.dir={folder / 'run'}",
    )  # fmt: skip
    assert done.exit_code == 0, done.err
    return RunFolder(folder / "run"), done


def test_copies_are_in_the_record_of_the_preparation(leaking_run):
    record = leaking_run[0].record("text-prepare-rss")
    found = {caution["kind"]: caution for caution in record["cautions"]}
    assert (found["copies"]["num_found"], found["copies"]["num_checked"]) == (10, 20)
    assert "8 under the same class" in found["copies"]["words"]
    assert "2 under other classes only" in found["copies"]["words"]
    assert found["few_queries"]["num_found"] == 20
    assert record["details"]["leakage"]["num_examples_seen"] == 60


def test_the_search_is_no_part_of_what_was_measured(leaking_run):
    record = leaking_run[0].record("text-prepare-rss")
    assert record["verdict"] == "measured"
    assert record["memory"]["peak_rss_bytes"] - record["memory"]["base"]["rss_bytes"] < 8 << 20


def test_terminal_report_and_page_warn_and_advise(leaking_run):
    run, done = leaking_run
    assert "caution: copies in the training data: The training texts hold 10 of 20 queries (50 %)" in done.out
    assert "Advice: sparse_means" in done.out
    for name in ("report.md", "report.html"):
        text = (run.path / name).read_text()
        assert "10 of 20 queries (50 %)" in text, name
        assert "Before you rely on these accuracies" in text, name
        assert "THING NUMBER 0 OF THE CATALOGUE" in text, name
