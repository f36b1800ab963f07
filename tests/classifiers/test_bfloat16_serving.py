"""Serving class vectors of bfloat16 bits: exact answers, mapped, bounded scratch, no torch."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from xclass.classifiers.linear_server import LinearServer
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.weights.bfloat16 import round_nearest, to_float32
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig
from xclass.classifiers.weights.serving import block_classes, search_terms
from xclass.config import EvaluateConfig, RunConfig
from xclass.errors import ModelError
from xclass.sizing.plan import make_shape, plan_method

MIB = 1 << 20


def save_head(folder, weights, dtype="bfloat16"):
    folder.mkdir()
    save_array(folder / "weights.npy", round_nearest(weights) if dtype == "bfloat16" else weights)
    shape = {"num_classes": len(weights), "dim": weights.shape[1]}
    write_manifest(folder, kind="linear", shape=shape, facts={"dtype": dtype})
    return folder


def open_head(folder):
    server = LinearServer(threads=1)
    server.load(folder)
    return server


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("dim", [64, 24, 7])
@pytest.mark.parametrize("num_queries", [1, 19, 20, 70])
def test_answers_are_those_of_the_rounded_values(dim, num_queries, tmp_path):
    """Both ways of searching, dimensions that are scanned and that are not, more classes than one block."""
    num_classes = 2 * block_classes(dim) // (dim if dim < 24 else 1) + 77
    weights, queries = random(0, num_classes, dim), random(1, num_queries, dim)
    answers = open_head(save_head(tmp_path / "head", weights)).search(queries, 5)
    scores = queries.astype(np.float64) @ to_float32(round_nearest(weights)).astype(np.float64).T
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(answers.classes_QK, expected)
    np.testing.assert_allclose(answers.scores_QK, np.take_along_axis(scores, expected, 1), rtol=1e-4)
    assert answers.classes_QK.dtype == np.int64
    assert answers.scores_QK.dtype == np.float32


@pytest.mark.parametrize("num_queries", [1, 30])
def test_more_answers_than_classes_end_in_minus_one(num_queries, tmp_path):
    answers = open_head(save_head(tmp_path / "head", random(0, 6, 16))).search(random(1, num_queries, 16), 9)
    np.testing.assert_array_equal(np.sort(answers.classes_QK[:, :6]), [np.arange(6)] * num_queries)
    assert (answers.classes_QK[:, 6:] == -1).all()


def test_a_manifest_without_the_fact_means_float32(tmp_path):
    folder = save_head(tmp_path / "head", random(0, 30, 8), "float32")
    document = json.loads((folder / "model.json").read_text())
    document["facts"] = {}
    (folder / "model.json").write_text(json.dumps(document))
    queries = random(0, 30, 8)
    assert open_head(folder).search(queries, 1).classes_QK.shape == (30, 1)


@pytest.mark.parametrize(("fact", "message"), [("float32", "uint16"), ("float8", "dtype=float8")])
def test_a_fact_that_is_not_true_is_refused(fact, message, tmp_path):
    folder = save_head(tmp_path / "head", random(0, 30, 8))
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"bfloat16"', f'"{fact}"'))
    with pytest.raises(ModelError, match=f"{message}.*again"):
        open_head(folder)


FRESH = """
import re, sys
from pathlib import Path
import numpy as np
from xclass.classifiers.linear_server import LinearServer
def resident(kind):
    return 1024 * int(re.search(kind + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
server = LinearServer(threads=1)
server.warm_up()
server.load(Path(sys.argv[1]))
before = resident("RssAnon"), resident("RssFile")
queries = np.ones((64, 64), dtype=np.float32)
server.search(queries[:1], 10)
server.search(queries, 10)
print(resident("RssAnon") - before[0], resident("RssFile") - before[1], "torch" in sys.modules)
"""


@pytest.mark.memory
def test_the_file_stays_mapped_and_scratch_is_as_stated(tmp_path):
    folder = save_head(tmp_path / "head", random(0, 400_000, 64))
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    anonymous, mapped, has_torch = re.split(r"\s+", done.stdout.strip())
    model_bytes = 2 * 400_000 * 64
    assert has_torch == "False"
    assert int(mapped) == pytest.approx(model_bytes, rel=0.03)
    scratch = 4 * 64 * block_classes(64) + 4 * 64 * 1024
    assert int(anonymous) <= scratch + 2 * MIB, "no float32 copy of the table"


def test_scratch_is_a_few_megabytes_in_whole_products():
    assert 4 * 64 * block_classes(64) == 4 * MIB
    assert [block_classes(dim) for dim in (1, 256, 768, 4096)] == [1 << 20, 4096, 1024, 1024]


def test_the_plan_of_serving_counts_half_the_model_and_the_scratch():
    def serve_plan(dtype):
        config = RunConfig(
            dim=64,
            weights=WeightsConfig(dtype=dtype),
            evaluate=EvaluateConfig(num_queries=100, batch_size=50, top_k=10),
        )
        shape = make_shape(config, 1_000_000)
        return plan_method(config, "dense_softmax", shape)[-1], search_terms(config.weights, shape)

    plain, no_terms = serve_plan(WeightDtype.float32)
    low, terms = serve_plan(WeightDtype.bfloat16)
    assert no_terms == {"search scratch": 4 * 50 * 1024}
    assert terms == no_terms | {"converted class vectors": 4 * MIB}
    model = "class vectors (mapped)"
    assert plain.regime.components[model] == 2 * low.regime.components[model] == 4 * 64 * 1_000_000
    own, low_own = (plan.over_base_bytes - plan.mapped_bytes for plan in (plain, low))
    assert low_own == own + 4 * MIB
