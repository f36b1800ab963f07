"""The page, where no server of the catalogue holds a head: how many ranks would, and what they cost."""

from dataclasses import replace
from types import SimpleNamespace

from stand_in_projector import StandInProjector, catalogue

from xclass.report.page.servers_section import choice_of, needed_of, ranks_note
from xclass.sizing.engines import AGENT_BYTES
from xclass.sizing.ranks import RankLayout


def study(classes):
    projector = StandInProjector()
    asked = {
        key: projector.project(replace(config, classes=classes), method, is_far_allowed=True)
        for key, (config, method) in projector.configs.items()
    }
    return SimpleNamespace(asked=asked, configs=projector.configs, hardware=catalogue(), projector=projector)


def test_heads_that_no_server_holds_are_offered_in_ranks():
    (lines,) = ranks_note(study(12_000_000_000))
    assert [line.split("`")[1] for line in lines.splitlines()] == ["dense_softmax", "dense_softmax, bfloat16"]
    assert "one on each machine (ranks=4)" in lines.splitlines()[0]
    assert "4 x cloud huge" in lines


def test_where_one_server_does_nothing_is_said():
    assert ranks_note(study(1_000_000)) == []


def test_a_server_holds_all_ranks_of_a_run_that_was_measured_on_one_machine():
    found = study(100_000)
    phase = replace(found.asked["dense_softmax"][0], layout=RankLayout(num_ranks=4, ranks_here=4))
    assert needed_of(phase) == 4 * phase.peak.high + AGENT_BYTES
    assert choice_of(found.hardware, phase).needed_bytes == needed_of(phase)
