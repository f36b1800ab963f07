"""Predicted and held stand in one table: what is held in a phase has a line in the plan of that phase."""

import pytest

from xclass.classifiers.base import import_object
from xclass.classifiers.nearest_neighbour.config import Metric, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, MeansStorage
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.sampled_softmax.config import SampledSoftmaxConfig, SamplerKind
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig, WeightStorage
from xclass.config import BudgetConfig, MethodsConfig, RunConfig
from xclass.data.synthetic.source import SyntheticSource
from xclass.encoders.factory import build_encoder, load_encoder
from xclass.encoders.identity import IdentityEncoder
from xclass.encoders.kinds import EncoderKind
from xclass.run.feed import DataFeed, FeedLimits
from xclass.sizing.plan import make_shape, plan_method

CLASSES, DIM = 1200, 16
KINDS = (
    "Flat", "SQ8", "PQ8", "PQ8x4fs", "RaBitQ1", "RaBitQ4", "IVF8,Flat", "IVF8,SQ8", "IVF8,PQ8",
    "IVF8,RaBitQ4", "IVF8,PQ8x4fs", "HNSW8", "HNSW8,SQ8",
)  # fmt: skip
LOW = WeightsConfig(dtype=WeightDtype.bfloat16, kahan_share=0.25)
CASES = {
    **{name: RunConfig(methods=[name]) for name in METHOD_CONFIGS},
    **{f"{name} in bfloat16": RunConfig(methods=[name], weights=LOW)
       for name, config in METHOD_CONFIGS.items() if "weights" in config.sections},
    "mapped": RunConfig(methods=["dense_softmax"], weights=WeightsConfig(storage=WeightStorage.memmap)),
    **{f"sampler {sampler}": RunConfig(methods=["sampled_softmax"], method=MethodsConfig(
        sampled_softmax=SampledSoftmaxConfig(sampler=sampler, num_samples=64))) for sampler in SamplerKind},
    "hard negatives": RunConfig(methods=["sampled_softmax"], method=MethodsConfig(
        sampled_softmax=SampledSoftmaxConfig(num_hard=16, hard_index="IVF8,SQ8", num_samples=64))),
    **{kind: RunConfig(methods=["nearest_neighbour"], index=IndexConfig(factory=kind)) for kind in KINDS},
    "on disk": RunConfig(
        methods=["nearest_neighbour"], index=IndexConfig(factory="IVF8,SQ8", on_disk_lists=True)
    ),
    "two stages": RunConfig(methods=["nearest_neighbour"], index=IndexConfig(factory="RaBitQ2", rerank=20)),
    "candidates read": RunConfig(methods=["nearest_neighbour"], index=IndexConfig(
        factory="RaBitQ2", rerank=20, is_rerank_mapped=False)),
    "means in memory": RunConfig(methods=["nearest_neighbour"], index=IndexConfig(
        factory="SQ8", means_storage=MeansStorage.memory)),
    "tuned": RunConfig(methods=["nearest_neighbour"], index=IndexConfig(
        factory="IVF8,SQ8", target_recall=0.5, tuning_queries=20)),
    "PQ by L2": RunConfig(methods=["nearest_neighbour"], index=IndexConfig(factory="IVF8,PQ8"),
        method=MethodsConfig(nearest_neighbour=NearestNeighbourConfig(metric=Metric.l2))),
}  # fmt: skip


def configured(case, folder):
    config = CASES[case]
    config.dim, config.batch_size, config.scan_batch_size, config.threads = DIM, 64, 256, 1
    config.budget = BudgetConfig(minutes=None, examples=256)
    config.weights.folder = config.index.folder = str(folder)
    return config


def names(held):
    return {name for name, size in held.items() if size}


@pytest.mark.parametrize("case", list(CASES))
def test_what_is_held_has_a_line_in_the_plan_of_its_phase(case, tmp_path):
    config = configured(case, tmp_path)
    name = config.methods[0]
    # Libraries that learn class by class take seconds where others take none.
    num_classes = 150 if METHOD_CONFIGS[name].is_estimate else CLASSES
    shape = make_shape(config, num_classes)
    settings, sections = getattr(config.method, name), config.sections_of(name)
    fit, load, serve = plan_method(config, name, shape)
    encoder = IdentityEncoder(dim=DIM)
    source = SyntheticSource(config.data, num_classes=num_classes, dim=DIM, seed=0, sigma=0.1)
    feed = DataFeed(
        source, encoder, batch_size=64, scan_batch_size=256, threads=1, limits=FeedLimits(examples=256),
        progress=lambda *_: None,
    )  # fmt: skip
    make = import_object(settings.implementation)
    classifier = make(settings, shape=shape, encoder=encoder, seed=0, **sections)
    classifier.fit(feed)
    (tmp_path / "model").mkdir()
    classifier.save(tmp_path / "model")
    held = names(classifier.held_bytes())
    assert held or settings.is_estimate, "only a library may write all of it into files as it goes"
    assert held <= set(fit.regime.components), "fit"
    server = import_object(settings.server)(threads=1)
    server.load(tmp_path / "model")
    served = names(server.held_bytes())
    assert served
    assert served <= set(load.regime.components), "load"
    assert served <= set(serve.regime.components), "serve"
    close = 0.25 if settings.is_estimate else 0.05
    for component in served:
        predicted = serve.regime.components[component]
        assert predicted == pytest.approx(server.held_bytes()[component], rel=close, abs=4096), component


def test_the_table_of_an_encoder_has_a_line_too(tmp_path):
    config = RunConfig(methods=["dense_softmax"], dim=DIM)
    config.data = import_object("xclass.data.lemmas.config:LemmasConfig")()
    plans = plan_method(config, "dense_softmax", make_shape(config, CLASSES))
    encoder = build_encoder(EncoderKind.ngrams, ngrams=config.encoder, dim=DIM, is_trainable=True)
    assert names(encoder.held_bytes()) <= set(plans[0].regime.components)
    encoder.save(tmp_path)
    opened = names(load_encoder(tmp_path).held_bytes())
    assert opened
    for plan in plans[1:]:
        assert opened <= set(plan.regime.components)
