"""Leaner settings: their bytes, their servers, their measured cost."""

import json
from dataclasses import replace

import pytest
from real_runs import ROOT, load_script

from xclass.classifiers.weights.config import WeightDtype
from xclass.cli.compose import check_overrides
from xclass.cli.hardware_words import load_hardware
from xclass.cli.overrides import normalise_overrides
from xclass.config import RunConfig
from xclass.records.record import Phase
from xclass.schemas import register_schemas
from xclass.sizing.alternatives import suggest
from xclass.sizing.choice import choose
from xclass.sizing.hardware import Hardware
from xclass.sizing.measured_costs import measured_costs
from xclass.sizing.plan import make_shape, plan_method

C, D = 5_000_000, 768
INDEXES = {"sq8", "sq8_rerank", "rabitq4", "pq_fast_scan_rerank"}
RECORDS = ROOT / "benchmarks" / "records"


@pytest.fixture(scope="module")
def clouds():
    return load_hardware("clouds")


def needed(config, method, phase):
    plans = plan_method(config, method, make_shape(config, config.classes))
    return next(plan.peak_bytes for plan in plans if plan.phase is phase)


def found(hardware, method, phase, **changes):
    config = RunConfig(classes=C, dim=D, methods=[method], **changes)
    return {
        alternative.option: alternative
        for alternative in suggest(config, method, phase, needed(config, method, phase), hardware)
    }


@pytest.mark.parametrize(
    ("method", "phase", "options"),
    [
        ("dense_softmax", Phase.TRAIN, {"bfloat16_dense_softmax"}),
        ("sampled_softmax", Phase.TRAIN, {"bfloat16_sampled_softmax", "memmap"}),
        ("nearest_neighbour", Phase.BUILD, INDEXES),
        ("nearest_neighbour", Phase.SERVE, INDEXES),
        (
            "dense_softmax",
            Phase.SERVE,
            {"bfloat16_dense_softmax", "scan_from_disk", *INDEXES},
        ),
        ("dense_softmax_autograd", Phase.TRAIN, set()),
        ("nearest_neighbour", Phase.LOAD, set()),
    ],
)
def test_what_is_suggested_for_a_phase(clouds, method, phase, options):
    assert set(found(clouds, method, phase)) == options


def test_every_suggestion_is_cheaper_is_offered_and_was_measured(clouds):
    for method, phase in (("sampled_softmax", Phase.TRAIN), ("dense_softmax", Phase.SERVE)):
        config = RunConfig(classes=C, dim=D, methods=[method])
        now = needed(config, method, phase)
        alternatives = suggest(config, method, phase, now, clouds)
        prices = [alternative.choice.usd_per_month for alternative in alternatives]
        assert prices == sorted(prices)
        assert prices[-1] < choose(clouds, now).usd_per_month
        for alternative in alternatives:
            assert alternative.needed_bytes <= clouds.offered_bytes(alternative.choice.server)
            assert alternative.costs, alternative.option
            assert "\n" not in alternative.words


def test_bytes_are_the_closed_form_at_the_size_in_question(clouds):
    serving = found(clouds, "nearest_neighbour", Phase.SERVE)
    vectors = 4 * C * D
    base = 64 << 20
    assert serving["sq8"].needed_bytes - base == pytest.approx(vectors / 4, rel=0.02)
    # four bits per value and five float32 factors per vector
    assert serving["rabitq4"].needed_bytes - base == pytest.approx(C * (D / 2 + 20), rel=0.01)
    assert serving["sq8_rerank"].needed_bytes - base == pytest.approx(vectors * 3 / 4, rel=0.02)
    training = found(clouds, "dense_softmax", Phase.TRAIN)
    assert training["bfloat16_dense_softmax"].needed_bytes == pytest.approx(vectors / 2, rel=0.08)


def test_candidates_that_are_read_take_what_the_frontier_measured():
    """PQ64x4fs of 5e6 x 128 with 1000 candidates read: anonymous and mapped bytes over the base."""
    record = json.loads((RECORDS / "heads" / "index_frontier" / "record.json").read_text())
    choice = record["sets"]["synthetic"]["choices"]["PQ fast-scan"]
    point = next(p for p in choice["points"] if p["rerank"] == 1000 and not p.get("is_rerank_mapped", True))
    measured = point["anon_bytes"] + point["file_bytes"]
    config = RunConfig(classes=5_000_000, dim=128, methods=["nearest_neighbour"])
    tiny = Hardware(name="h", date="", servers=load_hardware("bare").servers[:1])
    (alternative,) = (
        found
        for found in suggest(config, "nearest_neighbour", Phase.SERVE, 10**10, tiny)
        if found.option == "pq_fast_scan_rerank"
    )
    assert alternative.settings[0] == "index.factory=PQ64x4fs"
    assert alternative.needed_bytes - (64 << 20) == pytest.approx(measured, rel=0.05)


def test_a_file_without_room_counts_by_the_share_that_was_measured(clouds):
    share = measured_costs()["memmap"][0].room_share
    training = found(clouds, "sampled_softmax", Phase.TRAIN)
    assert training["memmap"].needed_bytes == pytest.approx(245 * 2**20 + share * 4 * C * D, rel=0.03)
    assert 0.4 < share < 0.5


def test_what_is_lean_already_is_not_suggested_again(clouds):
    config = RunConfig(classes=C, dim=D, methods=["dense_softmax"])
    config.weights = replace(config.weights, dtype=WeightDtype.bfloat16)
    now = needed(config, "dense_softmax", Phase.TRAIN)
    assert suggest(config, "dense_softmax", Phase.TRAIN, now, clouds) == []


def test_nothing_is_suggested_that_saves_no_money():
    bare = Hardware(name="h", date="", servers=load_hardware("bare").servers[-1:])
    assert found(bare, "nearest_neighbour", Phase.SERVE) == {}


def test_where_nothing_fits_whatever_fits_is_cheaper():
    bare = Hardware(name="h", date="", servers=load_hardware("bare").servers[:2])
    assert set(found(bare, "nearest_neighbour", Phase.SERVE)) == {"sq8", "rabitq4", "pq_fast_scan_rerank"}


def test_an_index_that_dim_does_not_allow_is_left_out(clouds):
    config = RunConfig(classes=C, dim=771, methods=["nearest_neighbour"])
    now = needed(config, "nearest_neighbour", Phase.SERVE)
    options = {found.option for found in suggest(config, "nearest_neighbour", Phase.SERVE, now, clouds)}
    assert options == {"sq8", "sq8_rerank", "rabitq4"}


def test_the_settings_are_words_that_the_command_takes(clouds):
    register_schemas()
    for method, phase in (("sampled_softmax", Phase.TRAIN), ("dense_softmax", Phase.SERVE)):
        for alternative in found(clouds, method, phase).values():
            words = [f"dim={D}", f"methods=[{method}]", *alternative.settings]
            last = {word.partition("=")[0]: word for word in words}
            check_overrides(normalise_overrides(list(last.values())), is_sweep=False)


def test_the_condensed_costs_are_what_the_records_give():
    script = load_script("condense_costs")
    assert script.COSTS.read_text() == script.condensed()


def test_costs_in_words():
    words = {option: [cost.words for cost in costs] for option, costs in measured_costs().items()}
    assert words["sq8"][0] == (
        "synthetic, 5,000,000 x 128: 97.23 % of the ten that exact search finds, 42 ms a query "
        "(exact search 85.5 ms)"
    )
    assert words["bfloat16_dense_softmax"] == [
        "synthetic, 100,000 x 64: 65 % right (65 % before)",
        "synthetic, 5,000,000 x 128: 41.7 ms a query (74.4 ms before)",
    ]
    assert words["memmap"] == ["synthetic, 50,000,000 x 64: 7.22 steps a second (221 before)"]
    assert words["scan_from_disk"] == [
        "synthetic, 3,000,000 x 128: 100 % of the answers the same, 568 ms a query (92.5 ms before), "
        "from a disk of 2.03 GB a second"
    ]


def test_a_suggestion_in_words(clouds):
    training = found(clouds, "dense_softmax", Phase.TRAIN)
    assert training["bfloat16_dense_softmax"].words == (
        "two bytes per value (weights.dtype=bfloat16): 7.62 GiB, azure Standard_E2_v4 (16 GiB, 2 vCPU): "
        "92 USD a month (price of 2020-08-30); measured on synthetic, 100,000 x 64: 65 % right "
        "(65 % before)"
    )


def test_every_cost_names_a_record_that_exists():
    for costs in measured_costs().values():
        for cost in costs:
            assert (ROOT / cost.source.partition(":")[0]).is_file(), cost.source
