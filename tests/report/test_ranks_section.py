"""What a report says of a phase that several ranks carried out."""

from made_records import make_record, predicted, reading

from xclass.records.ranks import RankReading
from xclass.records.record import Phase, Record
from xclass.report.ranks_section import ranks_lines, ranks_section
from xclass.report.rows import rows
from xclass.report.verdict import verdict_text


def ranked(**details):
    ranks = [
        RankReading(
            rank=rank, num_classes=50_000, memory=reading(200, peak), held={"w": 50 << 20}, num_threads=1
        )
        for rank, peak in enumerate((300, 310))
    ]
    details = {"rank_agent_peak_bytes": 222 << 20, "steps": 10, "traffic_bytes": 1000, **details}
    return make_record(
        "dense_softmax", Phase.TRAIN, memory=reading(200, 310), predicted=predicted(110, 200), ranks=ranks,
        details=details,
    )  # fmt: skip


def test_each_rank_and_their_sum_stand_beside_the_closed_form():
    text = ranks_section([ranked()])
    assert "| 0 | 50,000 | 1 | 200 MiB | 300 MiB | 100 MiB | 110 MiB | 0.909 | 50 MiB |" in text
    assert "| **sum** | 100,000 | 2 | 400 MiB | 610 MiB | 210 MiB | 220 MiB | 0.955 | 100 MiB |" in text
    assert "1000 B crossed, of all of them together: 100 B in each of 10 steps, counted" in text


def test_steps_before_a_checkpoint_are_not_divided_by():
    assert "in each of" not in ranks_section([ranked(went_on_from="step-000000000005")])


def test_a_rank_without_a_reading_says_how_it_ended():
    record = ranked()
    record.ranks[1] = RankReading(rank=1, end="killed by SIGKILL | <b>")
    text = ranks_section([record])
    assert "| 1: killed by SIGKILL &#124; &lt;b&gt; | - |" in text
    assert "**sum**" not in text
    assert ranks_lines([record]) == ""


def test_no_table_shows_the_peak_of_one_rank_as_that_of_all():
    (row,) = rows([ranked()])
    assert (row["num_ranks"], row["ranks_peak_bytes"]) == (2, 610 << 20)
    assert "their peaks add up to 610 MiB (measured), and the process that starts them had 222 MiB" in (
        ranks_lines([ranked()])
    )
    row |= {"accuracy_at_1": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "num_queries": 100}
    assert "310 MiB to train in each of 2 ranks" in verdict_text([row])


def test_a_record_from_before_ranks_has_none():
    document = ranked().to_json()
    assert len(Record.from_json(document, source="new").ranks) == 2
    del document["ranks"]
    assert Record.from_json(document, source="old").ranks == []
