"""Cautions reach the page, report.md and the terminal, hostile text and all."""

import json

from made_records import make_record

from xclass.records.cautions import Caution, CautionKind
from xclass.records.record import Phase, Record
from xclass.report.cautions_section import caution_lines, caution_pointer, cautions_section
from xclass.report.page.contents import make_document
from xclass.report.page.html import render_html
from xclass.report.page.sources import RunRecords

COPIES = Caution(
    kind=CautionKind.COPIES, words="The training texts hold 3 of 9 queries. More words.", num_found=3,
    num_checked=9, examples=["“<script>x</script>” and “a|b”, both of `evil`\x1b[31m"],
)  # fmt: skip
TOO_GOOD = Caution(kind=CautionKind.ABOVE_BAYES, words="Too many.", num_found=9, num_checked=9)
SEARCH = {"num_queries": 9, "num_examples": 1000, "num_examples_seen": 250, "seconds": 1.5, "left_out": None}


def prepared(**changes):
    return make_record("text", Phase.PREPARE, **{"data": "text", "cautions": [COPIES],
                                                 "details": {"leakage": SEARCH}, **changes})  # fmt: skip


def served():
    return make_record("dense_softmax", Phase.SERVE, data="text", cautions=[TOO_GOOD])


def test_the_gravest_comes_first_with_its_method_and_how_far_was_searched():
    body = cautions_section([("", [prepared(), served()])])
    lines = body.splitlines()
    assert lines[0] == "- **Too good to be true** (`dense_softmax`): Too many."
    assert lines[1].startswith("- **Copies in the training data**: The training texts hold 3 of 9 queries.")
    assert "among 250 of 1,000 training examples, in 1.5 s" in body


def test_a_run_without_cautions_says_that_it_looked_and_an_older_run_nothing():
    assert cautions_section([("", [prepared(cautions=[])])]).startswith("Nothing was found")
    assert cautions_section([("", [make_record("text", Phase.PREPARE)])]) == ""
    skipped = {**SEARCH, "left_out": "evaluate.leakage_seconds=0"}
    assert "not searched for: evaluate.leakage" in cautions_section(
        [("", [prepared(cautions=[], details={"leakage": skipped})])]
    )
    failed = prepared(cautions=[], details={"cautions_failure": "killed by SIGKILL"})
    assert "was not looked for: killed by SIGKILL" in cautions_section([("", [failed])])


def test_of_several_runs_on_one_data_set_the_first_speaks_for_all():
    body = cautions_section([("big", [prepared()]), ("small", [prepared()]), ("tiny", [prepared()])])
    assert body.count("Copies in the training data") == 1
    assert "(run `big`)" in body
    assert "The like in 2 other runs on this data." in body


def test_a_terminal_gets_the_first_sentence_of_each_on_one_clean_line():
    assert caution_lines([("", [prepared(), served()])]) == [
        "caution: dense_softmax, too good to be true: Too many.",
        "caution: copies in the training data: The training texts hold 3 of 9 queries.",
    ]


def test_the_opening_points_at_them_and_nothing_hostile_gets_through(tmp_path):
    run = RunRecords(label="", folder=tmp_path, records=[prepared(), served()])
    document = make_document([run], folder=tmp_path, damaged=[])
    assert [section.title for section in document.shown][:3] == ["", "Methods and phases", "Cautions"]
    assert caution_pointer([("", run.records)]) in document.sections[0].body
    page = render_html(document)
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert "\x1b" not in page + document.to_markdown()


def test_a_record_with_cautions_is_read_back_as_it_was():
    record = prepared()
    document = json.loads(json.dumps(record.to_json()))
    assert Record.from_json(document, source="x").cautions == [COPIES]
