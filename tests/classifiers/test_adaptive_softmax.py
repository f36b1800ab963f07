"""What is served without torch is what torch's own module says of the same layers."""

import numpy as np
import pytest
import torch

from xclass.classifiers.adaptive_softmax.classifier import AdaptiveSoftmax
from xclass.classifiers.adaptive_softmax.config import AdaptiveSoftmaxConfig
from xclass.classifiers.adaptive_softmax.layers import Layers
from xclass.classifiers.adaptive_softmax.server import AdaptiveServer
from xclass.encoders.identity import IdentityEncoder
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape

DIM = 24


class NoSteps:
    """A feed whose budget is spent."""

    def steps(self):
        return iter(())


def served(num_classes, folder, *, scale=1.0, **settings):
    """torch's module over layers drawn ``scale`` times as long, and the server of what was saved."""
    shape = ProblemShape(
        num_classes=num_classes, dim=DIM, batch_size=8, scan_batch_size=8, num_queries=8,
        query_batch_size=8, top_k=5, threads=1,
    )  # fmt: skip
    config = AdaptiveSoftmaxConfig(**settings)
    classifier = AdaptiveSoftmax(config, shape=shape, encoder=IdentityEncoder(dim=DIM), seed=1)
    classifier.fit(NoSteps())
    classifier._weights *= np.float32(scale)
    classifier.save(folder)
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(
        DIM, num_classes, list(config.clusters(num_classes, DIM).cutoffs), div_value=config.div_value
    )
    layers = Layers.of(classifier._weights, config.clusters(num_classes, DIM)).all()
    for weights, layer in zip(module.parameters(), layers, strict=True):
        assert weights.shape == layer.shape
        weights.data.copy_(torch.from_numpy(layer))
    server = AdaptiveServer(threads=1)
    server.load(folder)
    return module, server


@pytest.mark.parametrize("settings", [{}, {"cutoff_shares": [0.01, 0.2, 0.7], "div_value": 1.5}], ids=str)
@pytest.mark.parametrize("scale", [1.0, 12.0], ids="scale {}".format)
def test_answers_are_the_most_probable_classes_of_torchs_module(scale, settings, tmp_path):
    """Small weights: every cluster can hold one of the best; large ones: most are left aside."""
    module, server = served(700, tmp_path, scale=scale, **settings)
    queries = np.random.default_rng(0).normal(size=(40, DIM)).astype(np.float32)
    with torch.no_grad():
        expected = module.log_prob(torch.from_numpy(queries)).numpy()
    found = server.search(queries, 5)
    np.testing.assert_allclose(found.scores_QK, -np.sort(-expected, axis=1)[:, :5], rtol=1e-4, atol=1e-4)
    own = np.take_along_axis(expected, found.classes_QK, axis=1)
    np.testing.assert_allclose(found.scores_QK, own, rtol=1e-4, atol=1e-4)


def test_two_classes_still_have_a_cluster(tmp_path):
    _, server = served(2, tmp_path)
    found = server.search(np.ones((3, DIM), np.float32), 2)
    assert sorted(found.classes_QK[0].tolist()) == [0, 1]
    assert float(np.exp(found.scores_QK[0]).sum()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("shares", [[], [0.0], [1.0], [0.5, 0.5], [0.6, 0.3], [float("nan")]], ids=str)
def test_cutoffs_that_do_not_rise_are_refused_by_name(shares):
    with pytest.raises(ConfigError, match=r"method\.adaptive_softmax\.cutoff_shares"):
        AdaptiveSoftmaxConfig(cutoff_shares=shares)


def test_a_cluster_without_dimensions_is_refused_with_its_form():
    shape = ProblemShape(
        num_classes=1000, dim=8, batch_size=8, scan_batch_size=8, num_queries=8, query_batch_size=8,
        top_k=5, threads=1,
    )  # fmt: skip
    assert AdaptiveSoftmaxConfig(div_value=4.0).refusal(shape) == (
        "has a cluster of 8 // 4.0**2 = 0 dimensions (dim // div_value**i)"
    )
    assert AdaptiveSoftmaxConfig().refusal(shape) is None
