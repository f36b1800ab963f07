"""Which of several ranks stands for all of them, and which of them failed first."""

import pytest

from xclass.measure.timeline import TimelineSampler
from xclass.run.launcher import ChildResult
from xclass.run.rank_outcome import settle_ranks
from xclass.run.rank_watch import RankEnd

LOST = {"kind": "lost_rank", "seconds": 1.0, "message": "rank 0 of 3: a sum failed, another rank is gone"}
OWN = {"kind": "failed", "seconds": 2.0, "message": "ValueError: bad"}
FULL = {"kind": "out_of_memory", "seconds": 3.0, "message": "bad_alloc"}
WAITED = {"kind": "rank_hangs", "seconds": 1.0, "message": "rank 0 of 3: a sum failed, timed out"}
KILLED, ENDED_BY_AGENT = -9, -15


class Watch:
    """Ranks that have ended; the first is given by the launcher."""

    def __init__(self, others):
        self.environment = {}
        self.others = others

    def ends(self, phase, first):
        return [first, *self.others]


def settled(first, *others, exits=None, was_oom_killed=False, exit_code=1):
    """The result of ranks that ended with these errors or outcomes."""
    ends = [RankEnd(rank=rank, sampler=None, **end) for rank, end in enumerate(others, start=1)]
    outcome = first.get("outcome")
    result = ChildResult(
        command=[], sampler=TimelineSampler(1), ranks=Watch(ends), error=first.get("error"),
        outcomes={"train": outcome} if outcome else {}, exit_code=exit_code, rank_exits=exits or {},
        was_oom_killed=was_oom_killed,
    )  # fmt: skip
    settle_ranks("train", result)
    return result


@pytest.mark.parametrize(
    ("ends", "exits", "cause"),
    [
        ([{"error": LOST}, {}, {"error": LOST}], {0: 1, 1: KILLED, 2: 1}, "rank 1 of 3: killed by SIGKILL"),
        ([{"error": LOST}, {"error": OWN}], {0: 1, 1: 1}, "rank 1 of 2: ValueError: bad"),
        ([{}, {"error": OWN}], {0: ENDED_BY_AGENT, 1: 1}, "rank 1 of 2: ValueError: bad"),
        ([{"error": FULL}, {"error": OWN}], {0: 1, 1: 1}, "rank 1 of 2: ValueError: bad"),
        ([{"error": LOST}, {}], {0: 1, 1: ENDED_BY_AGENT}, "rank 0 of 2: rank 0 of 3: a sum failed"),
        ([{"error": WAITED}, {"error": LOST}, {}], {0: 1, 1: 1, 2: ENDED_BY_AGENT}, "rank 2 of 3: hung"),
        ([{"error": WAITED}, {}, {}], {0: 1, 1: KILLED, 2: ENDED_BY_AGENT}, "rank 1 of 3: hung"),
        ([{"error": WAITED}, {}, {}], {0: 1, 1: ENDED_BY_AGENT, 2: ENDED_BY_AGENT}, "rank 0 of 3: a sum"),
        ([{"error": WAITED}, {"error": OWN}, {}], {0: 1, 1: 1, 2: KILLED}, "rank 1 of 3: ValueError: bad"),
        ([{}, {}], {1: 3}, "rank 1 of 2: ended with exit code 3 without a result"),
    ],
)
def test_the_rank_is_named_whose_end_was_no_other_ranks_doing(ends, exits, cause):
    assert settled(*ends, exits=exits).error["message"].startswith(cause)


@pytest.mark.parametrize(("was_oom_killed", "kind"), [(True, "out_of_memory"), (False, "failed")])
def test_a_killed_rank_is_out_of_memory_only_where_the_kernel_counted_it(was_oom_killed, kind):
    assert settled({}, {}, exits={1: KILLED}, was_oom_killed=was_oom_killed).error["kind"] == kind


def test_a_rank_that_reported_is_no_success_where_another_failed():
    result = settled({"outcome": {"seconds": 1.0}}, {"error": OWN}, exits={1: 1})
    assert result.outcomes == {}
    assert result.error["message"] == "rank 1 of 2: ValueError: bad"


def test_the_rank_with_the_largest_peak_stands_for_all():
    def end(peak_bytes, held):
        return {"outcome": {"memory": {"peak_rss_bytes": peak_bytes}, "held": held, "examples_seen": held}}

    result = settled(end(10, 1), end(30, 2), end(20, 3), exit_code=0)
    assert result.outcomes["train"]["memory"] == {"peak_rss_bytes": 30}
    assert result.outcomes["train"]["held"] == 2
    assert result.outcomes["train"]["examples_seen"] == 1, "what all ranks have alike is the first one's"
    assert result.error is None
