"""Metrics in report.md, in summary.json and on the terminal: every value with its interval or a reason."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import render_markdown
from rich.console import Console

from xclass.records.metric import IntervalKind, Metric, MetricName, untold
from xclass.records.record import Phase
from xclass.report.metrics_section import metrics_section
from xclass.report.metrics_table import metrics_table
from xclass.report.rows import rows


def metric(name, k, value, half=0.012, note=None, num_queries=2000):
    return Metric(name=name, k=k, value=value, low=value - half, high=min(1.0, value + half),
                  num_queries=num_queries, interval=IntervalKind.BOOTSTRAP, note=note)  # fmt: skip


def metrics_of(share, *, classes_each=1):
    return [
        metric(MetricName.PRECISION, 1, share),
        metric(MetricName.RECALL, 1, share / classes_each),
        metric(MetricName.NDCG, 1, share),
        metric(MetricName.PRECISION, 5, share / 5),
        metric(MetricName.RECALL, 5, share / classes_each),
        metric(MetricName.NDCG, 5, share - 0.05),
        metric(MetricName.PSP, 5, share - 0.1, note="propensities with a = 0.55"),
        metric(MetricName.MACRO_RECALL, 1, share - 0.2),
        metric(MetricName.HEAD_RECALL, 1, share),
        metric(MetricName.TAIL_RECALL, 1, share - 0.3, note="the rarest <b>7</b> classes"),
        untold(MetricName.COVERAGE, "fewer than 200 queries"),
    ]


def judged(run_records, **options):
    serving = [
        replace(record, metrics=metrics_of(0.8, **options) if record.accuracy else [])
        for record in run_records
        if record.phase is Phase.SERVE
    ]
    return [one for one in serving if one.metrics]


def test_every_metric_has_its_interval_and_no_digit_more_than_that_carries(run_records):
    text = metrics_section(judged(run_records))
    assert "| 80 % (78 to 82) |" in text
    assert "| 75 % (73 to 77) |" in text
    assert "| 50 % (48 to 52) |" in text
    assert "80.0" not in text


def test_of_one_class_per_query_precision_says_nothing_more(run_records):
    single, several = (metrics_section(judged(run_records, classes_each=n)) for n in (1, 2))
    assert "P@5 |" not in single.replace("PSP@5", "")
    assert "Every query has one true class" in single
    assert "| P@1 |" in several
    assert "nDCG@1" not in single + several, "the same as P@1, whatever was answered"


def test_what_a_metric_depends_on_is_said_once_and_escaped(run_records):
    text = metrics_section(judged(run_records))
    assert text.count("propensities with a = 0.55") == 1
    assert "<b>" not in text
    assert "- coverage: fewer than 200 queries." in text, "true of every method: none is named"
    assert "| coverage" not in text, "a column of dashes says nothing"


def test_why_one_method_has_no_value_names_it(run_records):
    records = judged(run_records)
    records[0].metrics[-1] = metric(MetricName.COVERAGE, None, 0.9, note="first answers")
    text = metrics_section(records)
    others = ", ".join(f"`{record.method}`" for record in records[1:])
    assert "- coverage: first answers." in text
    assert f"- coverage of {others}: fewer than 200 queries." in text


def test_what_says_the_same_as_a_plainer_metric_is_left_out(run_records):
    records = judged(run_records)
    assert "| macro R@1 |" in metrics_section(records)
    for record in records:
        record.metrics = [one for one in record.metrics if one.name is not MetricName.MACRO_RECALL]
        record.metrics.append(metric(MetricName.MACRO_RECALL, 1, 0.8001))
    text = metrics_section(records)
    assert "| macro R@1 |" not in text
    assert "say the same here: macro R@1 as R@1" in text


def test_metrics_that_could_not_be_made_are_named(run_records):
    record = judged(run_records)[0]
    record.metrics, record.details = [], {"metrics_failure": "killed by SIGKILL"}
    assert "making them failed: killed by SIGKILL" in render_markdown([record], run_dir=Path("run"))


def test_the_opening_says_what_a_high_accuracy_may_hide(run_records):
    text = render_markdown(judged(run_records), run_dir=Path("run"))
    assert (
        "Of the queries of the rarest classes `dense_softmax` finds 50 % (48 to 52)." in text.split("## ")[0]
    )
    assert "rarest" not in render_markdown(run_records, run_dir=Path("run")).split("## ")[0]


def test_a_run_without_metrics_has_no_section(run_records):
    assert metrics_section(run_records) == ""
    assert metrics_table(rows(run_records)) is None


def test_summary_rows_hold_value_and_ends(run_records):
    (row, *_) = rows(judged(run_records))
    ends = tuple(row[f"ndcg_at_5{end}"] for end in ("", "_low", "_high"))
    assert ends == pytest.approx((0.75, 0.738, 0.762))
    assert (row["coverage"], row["coverage_low"], row["coverage_high"]) == (None, None, None)


def test_the_terminal_looks_at_all_answers_where_queries_have_several_classes(run_records):
    found = rows(judged(run_records, classes_each=2))[:1]
    found[0] |= {"tail_recall_at_5": 0.9, "tail_recall_at_5_low": 0.89, "tail_recall_at_5_high": 0.91}
    single = [found[0] | {"recall_at_1": found[0]["precision_at_1"]}]
    for rows_of, shown in ((found, "89-91"), (single, "48-52")):
        console = Console(width=100, file=io.StringIO(), color_system=None)
        console.print(metrics_table(rows_of, width=100))
        assert shown in console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 100])
def test_the_terminal_shows_what_fits(run_records, width):
    found = rows(judged(run_records))
    found[0]["method"] = "[red]x[/red]\x1b[2J"
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(metrics_table(found, width=width))
    text = console.file.getvalue()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "\x1b" not in text
    assert "[red]x[/red]" in text
    assert "tail" in text
    assert (" head " in "".join(text.splitlines()[:2])) == (width > 40)
    assert "48-52" in text


def test_the_terminal_leaves_out_what_says_nothing(run_records):
    found = rows(judged(run_records))
    for row in found:
        row |= {f"macro_recall_at_1{end}": row[f"recall_at_1{end}"] for end in ("", "_low", "_high")}
        row |= {f"head_recall_at_1{end}": None for end in ("", "_low", "_high")}
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(metrics_table(found, width=100))
    header, caption = console.file.getvalue().split("\n")[:2], console.file.getvalue().split("─")[-1]
    assert "tail" in "".join(header)
    assert not any(name in "".join(header) for name in ("macro", " head ", "sure"))
    assert "macro" not in caption
