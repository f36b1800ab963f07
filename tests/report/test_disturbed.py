"""Times taken beside other measured children are marked, and named as what differed."""

import json

import pytest
from made_records import answered, latencies, make_record, reading, render_markdown

from xclass.errors import RecordError
from xclass.records.neighbours import Neighbour
from xclass.records.proof import Proof, ProofVerdict, Recorded, read_proofs, write_proof
from xclass.records.record import Phase
from xclass.records.store import read_records, record_path, write_record
from xclass.report.causes import find_causes
from xclass.report.circumstances import find_circumstances, find_warnings
from xclass.report.over_seeds import over_seeds
from xclass.report.proofs import proof_sentence
from xclass.report.rows import rows
from xclass.report.sides import Run
from xclass.report.terminal import results_table
from xclass.report.write import write_reports
from xclass.units import format_seconds

OTHER = Neighbour(
    run_dir="/runs/2026/other", method="sampled_softmax", phases="train", reserved_bytes=6 << 30, share=0.8
)


def beside(*neighbours):
    return {"load_average": 1.0, "neighbours": [one.to_json() for one in neighbours]}


def serve(conditions, **changes):
    changes = {"memory": reading(60, 90), "latencies": latencies(0.002), "seconds": 12.5} | changes
    method = changes.pop("method", "dense_softmax")
    return make_record(
        method, Phase.SERVE, accuracy=answered(0.7, 0.6, 0.8), conditions=conditions, **changes
    )


def test_a_disturbed_time_is_marked_in_every_table(tmp_path):
    write_record(tmp_path, serve(beside(OTHER)))
    reports = write_reports(tmp_path)
    for path in (reports.report_md, reports.report_html):
        text = path.read_text()
        assert "12.5 s (disturbed)" in text, path
        assert f"{format_seconds(0.002)} (disturbed)" in text, path
        assert f"{OTHER.words()} for 80 % of its time" in text.replace("\\", ""), path
    (row,) = json.loads((tmp_path / "summary.json").read_text())["rows"]
    assert row["disturbed_by"].startswith("sampled_softmax train of 2026/other")
    assert row["seconds"] == 12.5


@pytest.mark.parametrize("conditions", [{"load_average": 1.0}, beside()])
def test_alone_or_unknown_nothing_is_marked(conditions):
    assert "disturbed" not in render_markdown([serve(conditions)], run_dir="/r")
    assert rows([serve(conditions)])[0]["disturbed_by"] is None


def test_whether_nobody_was_there_or_nobody_looked_is_told_apart():
    alone = render_markdown([serve(beside())], run_dir="/r")
    assert "| none |" in alone
    failure = {"load_average": 1.0, "neighbours_failure": "/tmp/x: No space left | <b>"}
    unknown = render_markdown([serve(failure)], run_dir="/r")
    assert "not known: /tmp/x: No space left" in unknown
    assert "<b>" not in unknown


def test_ends_that_touch_are_no_disturbance():
    brief = Neighbour(run_dir="/r", method="m", phases="train", reserved_bytes=1, share=0.004)
    assert rows([serve(beside(brief))])[0]["disturbed_by"] is None


def test_a_repeat_that_was_disturbed_marks_the_median():
    made = [serve(beside()), serve(beside(OTHER), repeat=1)]
    assert rows(made)[0]["disturbed_by"]


def test_the_terminal_names_what_was_disturbed():
    caption = results_table(rows([serve(beside(OTHER))])).caption.plain
    assert "Times disturbed by other measured children (report.md names them): dense_softmax serve" in caption


def test_the_terminal_names_the_first_of_many():
    made = [serve(beside(OTHER), repeat=0, method=name) for name in ("a", "b", "c", "d", "e")]
    caption = results_table(rows(made)).caption.plain
    assert "a serve, b serve, c serve, 2 more" in caption


def test_neighbours_are_named_as_a_cause_of_a_difference():
    causes = find_causes(serve(beside()), serve(beside(OTHER)))
    assert any(cause.startswith("neighbours: beside nobody, and beside sampled_softmax") for cause in causes)
    assert find_causes(serve(beside()), serve({"load_average": 1.0})) == find_causes(
        serve(beside()), serve(beside())
    )


def test_a_comparison_warns_that_times_do_not_compare():
    before, after = ({"": Run(records=[serve(beside(*met))], rows=[])} for met in ((), (OTHER,)))
    found = find_circumstances(before, after)
    assert ("beside other measured children", "none", "1 of 1 measurements") in found
    assert any("times do not compare" in warning for warning in find_warnings(before, after, found))


def test_a_row_over_seeds_is_disturbed_where_one_seed_was():
    made = [
        rows([serve(beside(*met), seed=seed)])[0] | {"run": str(seed), "variant": "a", "settings": ""}
        for seed, met in enumerate(((), (OTHER,)))
    ]
    (row,) = over_seeds(made)
    assert row["disturbed_by"]


@pytest.mark.parametrize(
    "found",
    [3, "x", {"a": 1}, [3], [{}], [{**OTHER.to_json(), "share": "x"}], [{**OTHER.to_json(), "method": 1}]],
)
def test_neighbours_of_another_kind_are_damage_and_no_traceback(tmp_path, found):
    record = serve(beside())
    write_record(tmp_path, record)
    path = record_path(tmp_path, record)
    document = json.loads(path.read_text())
    document["conditions"]["neighbours"] = found
    path.write_text(json.dumps(document))
    with pytest.raises(RecordError, match="neighbours"):
        read_records(tmp_path)
    document["conditions"]["neighbours"] = [OTHER.to_json() | {"later_key": 1}]
    path.write_text(json.dumps(document))
    assert read_records(tmp_path), "a key of a later version is passed over"


def test_a_proof_says_that_its_times_were_disturbed(tmp_path):
    recorded = Recorded(
        record="r", started_at="", seconds=1.0, peak_rss_bytes=1, peak_anon_bytes=1, examples_seen=1
    )
    proof = Proof(
        verdict=ProofVerdict.PROVEN, method="m", phase=Phase.SERVE, classes=2, dim=2, data="d", size_bytes=9,
        size_text="9", cap_kind="cgroup v2", cap_bytes=9, recorded=recorded, conditions=beside(OTHER),
    )  # fmt: skip
    assert "its times were disturbed: beside sampled_softmax train of 2026/other" in proof_sentence(proof)
    write_proof(tmp_path, proof)
    assert read_proofs(tmp_path) == [proof]
