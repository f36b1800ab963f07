"""The plan: numbers by hand for small shapes, what fits, and what is said of what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xclass.classifiers.dense_softmax.config import DenseSoftmaxConfig
from xclass.classifiers.dense_softmax_autograd.config import DenseSoftmaxAutogradConfig, Optimizer
from xclass.classifiers.init import Init
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import EvaluateConfig, MethodsConfig, RunConfig
from xclass.data.file_settings import num_train_of
from xclass.data.lemmas.config import LemmasConfig, train_texts
from xclass.records.record import Phase
from xclass.sizing.capacity import Room, explain_misfit, largest_that_fits
from xclass.sizing.engines import ANSWERING_CODE_BYTES, BASE_BYTES, FITTING_CODE_BYTES, IMPORTED_BYTES
from xclass.sizing.plan import make_shape, plan_method

GIB = 1 << 30
C, D, B, SCAN, THREADS = 1000, 8, 16, 32, 2
VECTORS = 4 * C * D
LOGITS = 4 * B * C
BATCHES = 4 * THREADS * SCAN * D * 4
"""Of the synthetic data: example, group, direction and one that waits, for each thread."""


def make_config(**changes):
    return RunConfig(dim=D, batch_size=B, scan_batch_size=SCAN, threads=THREADS, **changes)


def plans(name, num_classes=C, **changes):
    config = make_config(**changes)
    return plan_method(config, name, make_shape(config, num_classes))


def with_method(**settings):
    return {"method": MethodsConfig(**settings)}


def test_the_shape_is_that_of_the_configuration():
    config = make_config(evaluate=EvaluateConfig(num_queries=50, top_k=5, batch_size=7))
    shape = make_shape(config, 3)
    assert (shape.num_classes, shape.dim, shape.batch_size, shape.scan_batch_size) == (3, D, B, SCAN)
    assert (shape.num_queries, shape.top_k, shape.threads) == (50, 3, THREADS)
    assert shape.class_vectors_bytes == 4 * 3 * D


@pytest.mark.parametrize("method", sorted(METHOD_CONFIGS))
def test_phases_come_in_order(method):
    found = [plan.phase for plan in plans(method)]
    assert found == [Phase(METHOD_CONFIGS[method].fit_phase), Phase.LOAD, Phase.SERVE]


@pytest.mark.parametrize(
    ("method", "changes", "over_base_bytes", "regime"),
    [
        # one block of all classes (so one thread): logits, gradient, and four matrices of the batch's inputs
        ("dense_softmax", {}, 2 * VECTORS + LOGITS + 4 * 4 * B * D + 8 * B, "step"),
        ("dense_softmax_autograd", {}, 3 * VECTORS + 3 * LOGITS, "backward"),
        (
            "dense_softmax_autograd",
            with_method(dense_softmax_autograd=DenseSoftmaxAutogradConfig(optimizer=Optimizer.sgd)),
            VECTORS + 3 * LOGITS,
            "backward",
        ),
        ("nearest_neighbour", {}, VECTORS + 4 * C, "class means"),
    ],
)
def test_the_closed_form_by_hand(method, changes, over_base_bytes, regime):
    plan = plans(method, **changes)[0]
    code = FITTING_CODE_BYTES[METHOD_CONFIGS[method].engine]
    assert plan.over_base_bytes == over_base_bytes + BATCHES + code
    assert plan.regime.name == regime
    base = BASE_BYTES[METHOD_CONFIGS[method].engine] + IMPORTED_BYTES.get(method, 0)
    assert plan.peak_bytes == plan.over_base_bytes + base
    assert plan.mapped_bytes == code, "nothing else is mapped while learning"
    assert plan.required_bytes == plan.import_peak_bytes > plan.peak_bytes, "importing takes more"


@pytest.mark.parametrize(
    ("method", "changes", "bytes_per_class"),
    [
        ("dense_softmax", with_method(dense_softmax=DenseSoftmaxConfig(init=Init.random)), 4 * D),
        ("dense_softmax_autograd", {}, 12 * D + 12 * B),
        ("sampled_softmax", {}, 4 * D + 4),
        ("nearest_neighbour", {}, 4 * D + 4),
        # the means lie in a file, or at the start in memory; codes of one byte per value
        ("nearest_neighbour", {"index": IndexConfig(factory="SQ8")}, D),
        (
            "nearest_neighbour",
            {"index": IndexConfig(factory="SQ8", means_storage=MeansStorage.memory)},
            4 * D + 4,
        ),
    ],
)
def test_what_one_more_class_costs(method, changes, bytes_per_class):
    small, large = (plans(method, classes, **changes)[0].over_base_bytes for classes in (10**7, 2 * 10**7))
    assert (large - small) / 10**7 == pytest.approx(bytes_per_class, rel=0.001)


def test_adam_with_few_examples_peaks_in_its_step():
    config = RunConfig(dim=64, batch_size=1, methods=["dense_softmax_autograd"])
    plan = plan_method(config, "dense_softmax_autograd", make_shape(config, C))[0]
    assert plan.regime.name == "optimiser step"
    assert (
        plan.over_base_bytes - plan.regime.components["data batches"]
        == 6 * 4 * C * 64 + FITTING_CODE_BYTES["torch"]
    )


def test_streaming_never_grows_with_batch_times_classes():
    config = RunConfig(dim=64, batch_size=4096, methods=["dense_softmax"])
    plan = plan_method(config, "dense_softmax", make_shape(config, 5_000_000))[0]
    vectors = 4 * 5_000_000 * 64
    assert plan.over_base_bytes < 1.15 * vectors


@pytest.mark.parametrize(
    "method", [name for name, c in METHOD_CONFIGS.items() if c.is_head or name == "nearest_neighbour"]
)
def test_serving_maps_the_model_and_so_does_not_require_it(method):
    fit, load, serve = plans(method, 10**7)
    model = METHOD_CONFIGS[method]().model_bytes(make_shape(make_config(), 10**7))
    assert model >= 4 * 10**7 * D
    assert serve.mapped_bytes == model + ANSWERING_CODE_BYTES
    assert serve.peak_bytes >= model + serve.base_bytes
    assert serve.required_bytes < serve.base_bytes + (64 << 20)
    assert load.over_base_bytes <= 1 << 20
    assert serve.base_bytes == load.base_bytes == BASE_BYTES["faiss"], "no torch to serve"
    assert fit.disk_bytes >= model


def test_text_adds_the_encoders_table():
    synthetic, lemmas = (plans("dense_softmax", data=data)[0] for data in (None, LemmasConfig()))
    table = 4 * D * make_config().encoder.num_buckets
    assert lemmas.over_base_bytes > synthetic.over_base_bytes + table - BATCHES
    names = LemmasConfig().names_bytes(C)
    # The heap pass saves one of its own, without names.
    assert lemmas.disk_bytes == synthetic.disk_bytes + 2 * table + names
    # a held-out text per class: length, class, an eighth of a byte of its block's start; and the languages
    index = 5 * C + C // 8 + C
    serve = plans("dense_softmax", data=LemmasConfig())[2]
    assert serve.mapped_bytes == VECTORS + table + index + ANSWERING_CODE_BYTES


def test_steps_in_random_order_map_the_lengths_of_all_texts():
    head, index = (
        plans(name, 3_027_563, data=LemmasConfig())[0].regime.components["index of the texts (mapped)"]
        for name in ("dense_softmax", "nearest_neighbour")
    )
    assert head - index == 35_126_689
    assert index == 5 * 3_027_563 + 35_126_689 // 8


@pytest.mark.parametrize(("num_classes", "real"), [(50_000, 9_935_100), (1_000_000, 29_549_328)])
def test_training_texts_of_any_number_of_classes_are_known_to_a_few_percent(num_classes, real):
    assert train_texts(num_classes) == pytest.approx(real, rel=0.07)


def test_the_plan_in_a_record_holds_every_figure():
    document = plans("dense_softmax")[0].to_json()
    assert document["over_base_bytes"] == sum(document["components"].values())
    assert document["peak_bytes"] == document["base_bytes"] + document["over_base_bytes"]
    assert document["regime"] == "step"
    assert document["disk_bytes"] == 2 * VECTORS


@given(st.integers(0, 10**12))
def test_the_largest_that_fits_is_found_to_two_digits(limit):
    found = largest_that_fits(lambda classes: classes <= limit)
    assert found <= limit
    assert limit - found <= limit * 0.1
    assert found == 0 or set(str(found)[2:]) <= {"0"}


def test_nothing_fits_in_nothing():
    assert largest_that_fits(lambda classes: False) == 0


def misfit(method, num_classes, *, memory=1 << 60, disk=1 << 60, phase=0, dim=128):
    config = RunConfig(dim=dim, methods=[method])
    shape = make_shape(config, num_classes)
    plan = plan_method(config, method, shape)[phase]
    return explain_misfit(config, plan, shape, Room(usable_bytes=memory, free_disk_bytes=disk))


def test_what_fits_is_not_explained():
    assert misfit("dense_softmax_autograd", 1000, memory=GIB, disk=GIB) is None


def test_the_refusal_of_adam_at_five_million_by_128_on_24_gib():
    text = misfit("dense_softmax_autograd", 5_000_000, memory=22 * GIB)
    # 3 P + 3 L: 7680 bytes per class at batch 512, and the base
    assert text.startswith("does not fit: needs 3")
    assert "GiB of memory, 22 GiB available; this method fits up to 3,000,000 classes here" in text
    assert "at 5,000,000 classes these fit: dense_softmax, sampled_softmax, nearest_neighbour" in text
    assert "\n" not in text


def test_the_size_it_names_fits_and_a_tenth_more_does_not():
    text = misfit("dense_softmax_autograd", 5_000_000, memory=22 * GIB)
    largest = int(text.partition("fits up to ")[2].partition(" ")[0].replace(",", ""))
    assert misfit("dense_softmax_autograd", largest, memory=22 * GIB) is None
    assert misfit("dense_softmax_autograd", largest * 11 // 10, memory=22 * GIB) is not None


def test_the_boundary_is_the_last_byte():
    config = RunConfig(methods=["dense_softmax"])
    shape = make_shape(config, 10_000)
    plan = plan_method(config, "dense_softmax", shape)[0]
    exact = {"usable_bytes": plan.required_bytes, "free_disk_bytes": plan.disk_bytes}
    assert explain_misfit(config, plan, shape, Room(**exact)) is None
    for name in exact:
        assert explain_misfit(config, plan, shape, Room(**{**exact, name: exact[name] - 1})) is not None


def test_a_full_disk_is_said_to_be_one():
    text = misfit("dense_softmax", 5_000_000, disk=GIB)
    assert text.startswith("does not fit: needs 4.77 GiB of disk, 1 GiB free; ")
    assert "fits up to 1,0" in text


def test_where_no_size_fits_that_is_said():
    assert misfit("dense_softmax", 1000, memory=1 << 20).endswith("no size fits here")


def test_of_more_classes_than_there_are_each_has_as_many_examples_as_those():
    assert train_texts(2 * 3_027_563) == 2 * 35_126_689
    table = {"train_of_most_frequent": [[10, 60], [100, 200]]}
    assert [num_train_of(table, classes) for classes in (10, 100, 1000)] == [60, 200, 2000]
