"""Names of variants: what moves bytes is in them, what does not is not."""

import pytest

from xclass.cli.run_words import compose_config
from xclass.projection.variants import variant_of

_PLAIN_SGD = "method.dense_softmax_autograd.optimizer=sgd"


@pytest.mark.parametrize(
    ("words", "method", "variant"),
    [
        ([], "dense_softmax", "dense_softmax"),
        (["weights.dtype=bfloat16"], "dense_softmax", "dense_softmax, bfloat16"),
        (["weights.storage=memmap"], "sampled_softmax", "sampled_softmax, memmap"),
        (["weights.dtype=bfloat16", "weights.rounding=nearest"], "dense_softmax", "dense_softmax, bfloat16"),
        (["method.dense_softmax.learning_rate=0.1", "seed=4"], "dense_softmax", "dense_softmax"),
        (["+classes=5e6", "dim=128", "batch_size=64", "threads=1"], "dense_softmax", "dense_softmax"),
        (
            ["method.sampled_softmax.num_samples=1024"],
            "sampled_softmax",
            "sampled_softmax, num_samples=1024",
        ),
        ([], "nearest_neighbour", "nearest_neighbour, Flat"),
        (["index=ivf_sq8"], "nearest_neighbour", "nearest_neighbour, IVF{lists},SQ8"),
        (["index=ivf_sq8", "index.num_probes=64"], "nearest_neighbour", "nearest_neighbour, IVF{lists},SQ8"),
        (["index=sq8", "index.rerank=9"], "nearest_neighbour", "nearest_neighbour, SQ8, rerank=9"),
        (["data=lemmas"], "nearest_neighbour", "nearest_neighbour, Flat, lemmas"),
        (["data=lemmas", "encoder.min_n=1"], "dense_softmax", "dense_softmax, min_n=1, lemmas"),
        (["encoder.num_buckets=65536"], "dense_softmax", "dense_softmax"),
        (["measure.allocator=system"], "dense_softmax", "dense_softmax, allocator=system"),
        ([_PLAIN_SGD], "dense_softmax_autograd", "dense_softmax_autograd, sgd"),
        (["index=sq8"], "dense_softmax", "dense_softmax"),
    ],
)  # fmt: skip
def test_the_key_of_a_variant(words, method, variant):
    assert variant_of(compose_config(words), method) == variant
