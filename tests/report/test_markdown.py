from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_records import render_markdown

from xclass.records.memory import MemorySplit
from xclass.records.record import Pass, Phase, Verdict
from xclass.report.explain import ACCURACY_CAVEAT
from xclass.report.page.document import Document
from xclass.report.rows import rows
from xclass.report.sweep import sweep_sections

RUN_DIR = Path("outputs/2026-01-02/03-04-05")
HOSTILE = "x|y`<script>alert(1)</script>\n## owned\n```\n</details>"


def render_sweep_markdown(runs, **options):
    """Of runs whose variants are their methods."""
    by_run = [(label, [row | {"variant": row["method"]} for row in rows(own)]) for label, own in runs]
    return Document(title="xclass report", sections=sweep_sections(by_run, **options)).to_markdown()


@pytest.fixture
def report(run_records):
    return render_markdown(run_records, run_dir=RUN_DIR)


def section(report, title):
    return report.split(f"## {title}\n")[1].split("\n## ")[0]


def cells(table_text):
    return [
        [c.strip() for c in line.strip("|").split("|")]
        for line in table_text.splitlines()
        if line.startswith("|")
    ]


def test_the_verdict_comes_first_and_holds_measured_facts(report):
    assert report.splitlines()[2] == (
        "At 100,000 classes of `synthetic` (64 dimensions), **`dense_softmax` answered best: 73.1 %** "
        "of 10,000 queries (95 % interval 72.2 to 74.0), with a measured peak RAM of **331 MiB to train, "
        "280 MiB to serve**. The interval of `sampled_softmax` overlaps its: these queries "
        "do not rank them. Least RAM to serve: `nearest_neighbour`, measured peak 100 MiB, "
        "61.0 % right (60.0 to 62.0). "
        "2 of 10 phases could not be measured: see below."
    )


def test_the_memory_table_is_exact(report):
    lines = cells(section(report, "Memory by method and phase"))
    assert len(lines) == 2 + 10
    by_name = {(line[0], line[1]): line[2:] for line in lines[2:]}
    assert by_name["`dense_softmax`", "train"] == [
        "measured",
        *("331 MiB", "300 MiB", "280 MiB", "31 MiB", "30 MiB", "1.033"),
        *("34 MiB", "291 MiB", "40 MiB", "2 min 05 s"),
    ]
    assert by_name["`dense_softmax_autograd`", "train"] == ["does not fit", *"----", "41.2 GiB", *"-----"]
    assert by_name["`dense_softmax_autograd`", "serve"] == ["out of memory", *"-" * 10]


def test_every_number_column_says_measured_or_predicted(report):
    for line in cells(section(report, "Memory by method and phase"))[:1]:
        assert all("measured" in name or "predicted" in name for name in line[3:])


def test_accuracies_carry_interval_and_caveat(report):
    text = section(report, "Accuracy")
    assert ACCURACY_CAVEAT in text
    assert (
        "| `nearest_neighbour` | 61.0 % (60.0 to 62.0) | 81.0 % (80.0 to 82.1) | 10,000 | 640,000 |" in text
    )
    assert "81.2 % on this data (Bayes accuracy, predicted" in text


def test_latency_has_both_batch_sizes(report):
    text = section(report, "Latency and throughput")
    assert "| `dense_softmax` | 1 | 2.1 ms | 3.15 ms | 6.3 ms | 476 | 200 |" in text
    assert "| `dense_softmax` | 256 | 42 ms | 63 ms | 126 ms | 6,100 | 200 |" in text


def test_components_stand_beside_held_bytes_and_what_they_leave_unexplained(report):
    text = section(report, "Bytes of each phase by component")
    assert "**`nearest_neighbour` build**, predicted peak at: add" in text
    assert "| weights | 51 MiB | - |\n| class block | 4 MiB | - |\n| index | - | 50 MiB |\n" in text
    assert "| **sum** | 55 MiB | 50 MiB |" in text
    assert "peak - base 60 MiB (measured). Measured / predicted: **1.091**." in text
    assert "The components explain 91.7 % of it; 5 MiB are nobody's." in text


def test_what_was_refused_or_failed_says_why(report):
    text = section(report, "Left out, refused or failed")
    assert "`dense_softmax_autograd` train, untraced pass: **does not fit:** needs 41.2 GiB" in text
    assert "dim=32 would fit" in text
    assert "**out of memory:** killed by the kernel" in text
    assert "`nearest_neighbour` build, traced pass: **failed:** memray could not write its capture" in text


def test_it_says_how_to_repeat(report):
    text = section(report, "How to repeat")
    assert "python -m xclass.run.worker specs/dense_softmax-train-rss.json" in text
    assert "| MALLOC_ARENA_MAX | 1 |" in text
    assert "| versions.numpy | 2.4.6 |" in text
    assert "- `dense_softmax` train, traced pass: `budget.minutes=0.1`" in text


def test_flamegraphs_are_linked_where_they_lie(run_records, tmp_path):
    page = tmp_path / "heap" / "dense_softmax-train.html"
    page.parent.mkdir()
    page.touch()
    assert "[flamegraph of the heap peak](heap/dense_softmax-train.html)" in render_markdown(
        run_records, run_dir=tmp_path
    )


def test_flamegraphs_that_were_not_kept_are_not_linked(report):
    assert "were not kept" in section(report, "Who asked for the memory")
    assert "](heap/" not in report


def test_hostile_text_breaks_neither_table_nor_page(record):
    bad = record(
        HOSTILE,
        Phase.TRAIN,
        verdict=Verdict.FAILED,
        cause=HOSTILE,
        data=HOSTILE,
        config={HOSTILE: HOSTILE},
        machine={HOSTILE: {HOSTILE: HOSTILE}},
        environment={HOSTILE: HOSTILE},
        data_facts={HOSTILE: [HOSTILE]},
        held={HOSTILE: 1},
        predicted={"components": {HOSTILE: 1}, "regime": HOSTILE, "over_base_bytes": 1, "peak_bytes": 2},
        command=["python", HOSTILE],
    )
    report = render_markdown([bad, record("m", Phase.TRAIN)], run_dir=Path(HOSTILE), damaged=[HOSTILE])
    prose = []
    closing = ""
    for line in report.splitlines():
        if not closing and line.startswith("```"):
            closing = "`" * (len(line) - len(line.lstrip("`")))
        elif closing and line == closing:
            closing = ""
        elif not closing:
            prose.append(line)
    assert closing == ""
    assert not [line for line in prose if "<script" in line or "</details" in line]
    assert "## owned" not in prose
    for line in prose:
        assert not line.startswith("```")
    for title, num_columns in (
        ("Memory by method and phase", 13),
        ("Data", 2),
        ("Bytes of each phase by component", 3),
    ):
        assert {len(line) for line in cells(section(report, title))} == {num_columns}


def test_the_config_block_stays_json(record):
    config = {"a": "</script>``` <b>"}
    report = render_markdown([record("m", Phase.TRAIN, config=config)], run_dir=RUN_DIR)
    block = report.split("json\n{")[1].split("\n```")[0]
    assert json.loads("{" + block) == config
    assert "<b>" not in report


def test_pages_in_swap_are_said(run_records):
    measured = next(r for r in run_records if r.memory)
    measured.memory.end = MemorySplit(
        rss_bytes=1, anon_bytes=1, file_bytes=0, shmem_bytes=0, swap_bytes=300 << 20
    )
    report = render_markdown(run_records, run_dir=RUN_DIR)
    assert "- `synthetic` prepare: 300 MiB were swapped out" in report
    assert "\n\n- `synthetic` prepare: 300 MiB" in report


@pytest.mark.parametrize("verdict", [Verdict.DOES_NOT_FIT, Verdict.OUT_OF_MEMORY, Verdict.FAILED])
def test_a_run_in_which_nothing_was_measured_still_reports(record, verdict):
    report = render_markdown([record("a", Phase.TRAIN, verdict=verdict, seconds=None)], run_dir=RUN_DIR)
    assert "**No method answered queries in this run**: 0 of 1 phases were measured" in report
    assert "no cause was recorded" in report


def test_without_any_record_the_damaged_ones_are_named():
    report = render_markdown([], run_dir=RUN_DIR, damaged=["a.json: damaged"])
    assert "**No record of this run could be read.**" in report
    assert "- Not readable: a.json: damaged" in report


def test_one_method_alone_is_not_called_best(run_records):
    alone = [r for r in run_records if r.method == "dense_softmax"]
    report = render_markdown(alone, run_dir=RUN_DIR)
    assert "answered right: 73.1 %" in report
    assert "Least RAM" not in report


def test_a_killed_childs_peak_is_not_called_its_need(run_records):
    for r in run_records:
        if (r.method, r.phase, r.pass_) == ("dense_softmax", Phase.TRAIN, Pass.RSS):
            r.verdict, r.cause = Verdict.OUT_OF_MEMORY, "killed"
    first = render_markdown(run_records, run_dir=RUN_DIR).splitlines()[2]
    assert "measured peak RAM of **280 MiB to serve**" in first


def test_the_sweep_table_is_sorted_by_classes(record, run_records):
    small = [record("dense_softmax", Phase.TRAIN, classes=10_000, verdict=Verdict.FAILED, cause="a|b")]
    report = render_sweep_markdown([("10", run_records), ("2", small)], damaged=["x.json: damaged"])
    lines = cells(report)
    assert [line[0] for line in lines[2:]] == ["10,000", *["100,000"] * 5]
    assert lines[2][4:7] == ["`dense_softmax`", "-", "failed"]
    assert lines[3][4:7] == ["`synthetic`", "4 MiB", "-"]
    dense = lines[4]
    assert dense[1] == "[10](10/report.md)"
    assert dense[4:] == [
        *("`dense_softmax`", "-", "31 MiB", "-", "-", "30 MiB"),
        *("73.1 % (72.2 to 74.0)", "2 min 05 s", "12.5 s"),
    ]
    assert "- `2`, `dense_softmax` train: **failed:** a&#124;b" in report
    assert "- Not readable: x.json: damaged" in report
    assert ACCURACY_CAVEAT in report


def test_an_empty_sweep_says_so():
    assert "No run left a record" in render_sweep_markdown([])


def test_the_memory_of_a_gpu_stands_beside_the_hosts(run_records, tmp_path):
    assert "on the GPU" not in render_markdown(run_records, run_dir=tmp_path)
    gpu = {
        "name": "NVIDIA H100", "total_bytes": 80 << 30, "predicted_bytes": 5 << 30,
        "peak_allocated_bytes": 6 << 30, "peak_reserved_bytes": 7 << 30, "taken_at_end_bytes": 8 << 30,
    }  # fmt: skip
    trained = next(r for r in run_records if r.phase is Phase.TRAIN and r.pass_ is Pass.RSS)
    trained.details["gpu"] = gpu
    text = render_markdown(run_records, run_dir=tmp_path)
    line = next(line for line in text.splitlines() if "NVIDIA H100" in line and line.startswith("- "))
    for words in ("6 GiB allocated", "7 GiB reserved", "closed form 5 GiB", "8 GiB of 80 GiB"):
        assert words in line
