"""Methods whose times nobody has measured: plan and projection say so instead of guessing or failing."""

import pytest

from xclass.cli.plan import make_estimate
from xclass.cli.plan_words import parse_words
from xclass.projection.duration import untimed_phases
from xclass.projection.projector import Projector
from xclass.projection.time_forms import TimeTerm
from xclass.records.record import Phase
from xclass.report.plan_sections import plan_text

METHODS = "methods=[boosting,nearest_neighbour]"
WORDS = ("hardware=bare", "ram=64GB", "classes=1e4", METHODS)


def term(quantity):
    return TimeTerm(quantity=quantity, meaning="", work=1.0, form="", count=1.0)


def test_a_phase_is_known_only_with_every_time_of_it():
    terms = {Phase.BUILD: [term("learn"), term("save")], Phase.LOAD: [], Phase.SERVE: [term("query")]}
    assert untimed_phases(terms, ["learn", "save", "open", "query", "batch_query"]) == ("load",)
    assert untimed_phases(terms, ["learn", "query"]) == ("build", "load", "serve")


@pytest.mark.parametrize("details", [[], ["details=true"]])
def test_a_plan_says_which_times_are_not_known(details):
    words = parse_words([*WORDS, *details])
    text = " ".join(plan_text(make_estimate(words), has_details=words.has_details).split())
    assert "takes is not known: the times of boosting (build, load, serve) come with no benchmark" in text
    assert "of boosting the closed form is an estimate" in text
    assert "boosting build 12" in text
    assert ("build, load, serve not known" in text) == bool(details)


def test_a_plan_beyond_what_a_method_bears_says_why_and_fits_only_the_others():
    found = make_estimate(parse_words(["hardware=bare", "ram=100TB", "classes=1e6", METHODS]))
    boosting, neighbour = found.methods
    assert not boosting.fits
    assert boosting.fits_served
    assert neighbour.fits
    assert boosting.phases[0].shortage.startswith("takes about ")
    assert found.seconds is not None, "what does not run takes no time"
    text = " ".join(plan_text(found).split())
    assert "no, see below" in text
    assert "boosting: build: refused: it takes about " in text


def test_a_projection_shows_where_a_method_dies():
    config = parse_words(["hardware=bare", "classes=1e6", METHODS]).config
    build, *others = Projector.without_runs().project(config, "boosting")
    assert "max_hours=4 is the most" in build.refusal
    assert any("refused: it takes about" in caveat for caveat in build.caveats)
    assert all(phase.refusal is None for phase in others)
    assert build.peak.high == pytest.approx(1.25 * build.peak.value, rel=0.01)
