"""The one door: made-up truth, refusals, and the committed records against each other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_points import BASE_BYTES, make_config, measured, phase_of
from real_runs import ROOT

from xclass.errors import ConfigError, RecordError
from xclass.projection.projector import Projector
from xclass.projection.result import Basis
from xclass.records.store import parse_record, write_record
from xclass.sizing.engines import IMPORTED_BYTES

RECORDS = ROOT / "benchmarks" / "records"


def projector(*sizes, method="nearest_neighbour", **changes):
    return Projector.of_records(
        [one for size in sizes for one in measured(make_config(size), method, **changes)]
    )


def phase(phases, name):
    return next(one for one in phases if one.phase == name)


def test_an_exact_law_is_projected_to_the_byte():
    truth = phase(
        projector(8_000_000, method="dense_softmax").project(make_config(8_000_000), "dense_softmax"), "train"
    )
    found = projector(10_000, 100_000, 1_000_000, method="dense_softmax").project(
        make_config(8_000_000), "dense_softmax"
    )
    train = phase(found, "train")
    assert (train.basis, train.extrapolation) == (Basis.PROJECTED, 8.0)
    assert train.peak.value == pytest.approx(truth.peak.value, abs=10)
    assert train.base_bytes + sum(train.components.values()) == train.peak.value
    assert train.peak.low < train.peak.value < train.peak.high
    assert train.held_out.classes == 1_000_000
    assert abs(train.held_out.error_share) < 1e-6
    assert not train.caveats


def test_a_size_that_was_measured_is_returned_as_measured():
    runs = [*measured(make_config(100_000), "dense_softmax"), *measured(make_config(10_000), "dense_softmax")]
    extra = [9_000_000, 1_000_000, 5_000_000]
    runs += [
        one for mib in extra for one in measured(make_config(1_000_000), "dense_softmax", extra_bytes=mib)
    ]
    train = phase(Projector.of_records(runs).project(make_config(1_000_000), "dense_softmax"), "train")
    form = phase_of(runs, "train")[-1].memory.peak_rss_bytes
    assert train.basis is Basis.MEASURED
    assert train.peak.value == form, "the median of three repeats"
    assert train.base_bytes + sum(train.components.values()) == form
    assert train.peak.low <= form - 4_000_000
    assert form + 4_000_000 <= train.peak.high
    assert train.error_words.startswith("measured 3 times")


def test_a_variant_that_was_not_measured_gets_its_closed_form_and_the_base_of_its_engine():
    found = projector(100_000, base_bytes=70_000_000).project(make_config(100_000), "dense_softmax")
    serve, train = phase(found, "serve"), phase(found, "train")
    assert (serve.basis, serve.base_bytes, serve.extrapolation) == (Basis.PREDICTED, 70_000_000, float("inf"))
    assert train.base_bytes > 200_000_000, "no torch process was measured: the plan's base"
    assert serve.is_marked
    assert set(serve.factors.values()) == {1.0}
    assert serve.times, "from the reference that comes with the package"


def test_the_base_of_a_method_that_imports_more_is_that_of_its_engine_and_what_it_imports():
    runs = [*measured(make_config(10_000), "dense_softmax", base_bytes=250_000_000)]
    train = phase(Projector.of_records(runs).project(make_config(10_000), "dense_softmax_autograd"), "train")
    assert train.base_bytes == 250_000_000 + IMPORTED_BYTES["dense_softmax_autograd"]
    runs = measured(make_config(10_000), "dense_softmax_autograd", base_bytes=320_000_000)
    train = phase(Projector.of_records(runs).project(make_config(10_000), "dense_softmax"), "train")
    assert train.base_bytes == 320_000_000 - IMPORTED_BYTES["dense_softmax_autograd"]


def test_an_index_that_faiss_would_refuse_is_refused_by_name():
    found = projector(10_000, 100_000)
    config = make_config(100_000)
    config = replace(config, dim=96, index=replace(config.index, factory="PQ64x4fs"))
    with pytest.raises(ConfigError, match=r"index.factory=PQ64x4fs: .* divides 96 dimensions, not 64"):
        found.project(config, "nearest_neighbour")
    assert found.project(config, "dense_softmax"), "which has no index"


def test_beyond_a_hundred_times_is_refused_unless_asked():
    found = projector(10_000, 100_000)
    far = make_config(10_100_000)
    with pytest.raises(ConfigError, match=r"classes=10100000, dim=64: .*101x.*100,000 classes.*far=true"):
        found.project(far, "nearest_neighbour")
    build = phase(found.project(far, "nearest_neighbour", is_far_allowed=True), "build")
    assert build.is_marked
    assert build.error_words.startswith("no hold-out reaches 101x")
    assert not phase(found.project(make_config(900_000), "nearest_neighbour"), "build").is_marked
    assert phase(found.project(make_config(900_000, dim=128), "nearest_neighbour"), "build").is_marked


def test_the_batch_that_counts_is_that_of_the_phase():
    found = projector(100_000, method="dense_softmax")
    phases = found.project(make_config(100_000, batch_size=2048), "dense_softmax")
    assert {one.phase: one.extrapolation for one in phases} == {"train": 4.0, "load": 1.0, "serve": 1.0}


def test_below_what_was_measured_is_said():
    found = phase(projector(100_000, 1_000_000).project(make_config(10_000), "nearest_neighbour"), "serve")
    assert found.extrapolation == 1.0
    assert found.caveats == (
        "below the smallest measured size, 100,000 classes x 64: no hold-out looks that way",
    )


def test_load_and_serve_name_the_disk_that_holds_the_model():
    found = projector(100_000).project(make_config(1_000_000), "nearest_neighbour")
    assert phase(found, "load").disk_bytes == phase(found, "serve").disk_bytes
    assert 256_000_000 <= phase(found, "serve").disk_bytes < 257_000_000


def test_an_old_schema_is_refused_by_name(tmp_path):
    record = measured(make_config(10_000), "dense_softmax")[0]
    path = write_record(tmp_path, record)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 0}))
    with pytest.raises(RecordError, match=r"dense_softmax-train-rss\.json: schema_version=0"):
        Projector([tmp_path])


def test_folders_without_records_are_refused_by_name(tmp_path):
    with pytest.raises(RecordError, match=f"{tmp_path}: no records in it"):
        Projector([tmp_path])


def test_a_sweep_and_its_runs_are_the_same_points(tmp_path):
    for size in (10_000, 100_000):
        for record in measured(make_config(size), "dense_softmax"):
            write_record(tmp_path / str(size), record)
    sweep = Projector([tmp_path])
    runs = Projector([tmp_path / "10000", tmp_path / "100000", tmp_path])
    assert [point.peaks for point in sweep.points] == [point.peaks for point in runs.points]
    assert list(sweep.configs) == ["dense_softmax"]
    assert sweep.configs["dense_softmax"][0].classes == 100_000
    assert sweep.points[0].base_bytes == BASE_BYTES["train"]


def test_the_committed_sizes_meet_the_measured_five_million():
    """From 1e4, 1e5 and 1e6 classes, five times and more beyond what was measured."""
    small, truth = Projector([RECORDS / "sizes"]), Projector([RECORDS / "synthetic_5e6"])
    errors = {}
    for variant, (config, method) in truth.configs.items():
        if variant not in small.configs:
            continue
        for found, real in zip(small.project(config, method), truth.project(config, method), strict=True):
            errors[variant, found.phase] = found.peak.value / real.peak.value - 1.0
            assert found.peak.low <= real.peak.value <= found.peak.high, (variant, found.phase)
    assert len(errors) >= 6
    assert max(map(abs, errors.values())) < 0.02, errors


@pytest.mark.parametrize("kind", ["dense", "flat", "sq8", "rabitq4"])
def test_a_million_classes_of_the_ledger_meet_four_times_the_table(kind):
    small, large = (ledger(kind), ledger(f"{kind}_large"))
    config, method = large.configs[next(iter(large.configs))]
    found, real = (which.project(config, method) for which in (small, large))
    errors = [one.peak.value / other.peak.value - 1.0 for one, other in zip(found, real, strict=True)]
    assert max(map(abs, errors)) < 0.02, errors
    assert {one.basis for one in found} == {Basis.PROJECTED}


def ledger(name):
    path = Path(RECORDS / "measure" / "ledger" / f"{name}.json")
    return Projector.of_records(parse_record(one, source=name) for one in json.loads(path.read_text()))


def test_settings_of_an_older_record_are_read_as_they_are_called_today():
    """The index had its kind among the settings of its method once."""
    record = phase_of(measured(make_config(10_000), "nearest_neighbour"), "serve")[0]
    method = record.config["method"] | {"nearest_neighbour": {"index": "SQ8", "num_probes": 4}}
    old = {key: value for key, value in record.config.items() if key not in ("index", "weights")}
    found = Projector.of_records([replace(record, config=old | {"method": method})])
    assert list(found.configs) == ["nearest_neighbour, SQ8"]
    assert found.points[0].config.index.num_probes == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": {"dtype": "float8"}}, "its settings cannot be used today: 'float8'"),
        ({"weights": {"sparsity": 0.5}}, "setting weights.sparsity: this xclass has none of this name"),
        ({"novelty": 1}, "setting novelty: this xclass has none of this name"),
    ],
)
def test_settings_without_a_closed_form_are_refused_by_name(changes, words):
    record = measured(make_config(10_000), "dense_softmax")[0]
    with pytest.raises(RecordError, match=f"record of dense_softmax train: {words}"):
        Projector.of_records([replace(record, config=record.config | changes)])


def test_a_method_that_is_gone_is_refused_by_name():
    record = measured(make_config(10_000), "dense_softmax")[0]
    with pytest.raises(RecordError, match="method=hopfield, data=synthetic: this xclass has dense_softmax"):
        Projector.of_records([replace(record, method="hopfield")])


def test_the_interval_of_an_unmeasured_variant_covers_every_closed_form_of_the_ledger():
    """Each predicted as if it had not been measured: with the base of the plan."""
    unmeasured = Projector.without_runs()
    outside = {}
    for path in sorted((RECORDS / "measure" / "ledger").glob("*.json")):
        for point in ledger(path.stem).points:
            found = phase(unmeasured.project(point.config, point.method), point.phase)
            assert found.basis is Basis.PREDICTED
            if not found.peak.low <= point.peak_bytes <= found.peak.high:
                outside[path.stem, point.phase] = found.peak.value / point.peak_bytes
    assert outside == {}
