"""``served.json``, and what softmax heads divide by."""

import json

import numpy as np
import pytest
from serving_models import CENTRES, CONTEXTS, save_head

from xclass.classifiers.amend.folder import amend_model
from xclass.classifiers.linear_server import LinearServer
from xclass.classifiers.log_total import log_total
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.served_facts import (
    SERVED_JSON,
    Posterior,
    ServedFacts,
    open_served_facts,
    posterior_of,
)
from xclass.classifiers.weights.bfloat16 import round_nearest, to_float32
from xclass.encoders.kinds import InputKind
from xclass.errors import ModelError


def test_what_is_saved_is_read(tmp_path):
    facts = ServedFacts(
        method="knn", inputs=InputKind.rows, num_features=7, contexts=("ä", "b"), is_softmax=True
    )
    facts.save(tmp_path)
    assert open_served_facts(tmp_path) == facts


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"inputs": "pictures"},
        {"inputs": None},
        {"num_features": -1},
        {"num_features": "3"},
        {"contexts": "ab"},
        {"contexts": [1]},
        {"method": 3},
        {"is_softmax": "yes"},
        {"surprise": 1},
    ],
)
def test_other_values_are_refused_by_the_file_name(tmp_path, change):
    ServedFacts(method="knn", inputs=InputKind.texts, contexts=CONTEXTS).save(tmp_path)
    path = tmp_path / SERVED_JSON
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=SERVED_JSON):
        open_served_facts(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 50_000, '{"format_version": 1}', "\xff"])
def test_what_is_no_object_is_refused(tmp_path, text):
    (tmp_path / SERVED_JSON).write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=SERVED_JSON):
        open_served_facts(tmp_path)


@pytest.mark.parametrize("inputs", list(InputKind))
def test_of_an_older_model_the_encoder_says_what_a_query_is(tmp_path, inputs):
    folder = save_head(tmp_path / "m", inputs)
    (folder / SERVED_JSON).unlink()
    facts = open_served_facts(folder)
    assert (facts.inputs, facts.is_softmax, facts.method) == (inputs, False, "")
    (folder / "encoder.json").write_text('{"kind": "bag"}')
    with pytest.raises(ModelError, match="more than one kind"):
        open_served_facts(folder)


def test_an_amended_model_can_be_served_and_amended_again(tmp_path):
    amend_model(save_head(tmp_path / "m"), tmp_path / "a", drop=np.array([3]))
    amend_model(tmp_path / "a", tmp_path / "b", drop=np.array([4]))
    assert open_served_facts(tmp_path / "b") == open_served_facts(tmp_path / "m")


def test_only_where_scores_are_one_there_is_a_posterior():
    assert posterior_of("linear", is_softmax=True) is Posterior.softmax
    assert posterior_of("linear", is_softmax=False) is Posterior.none
    assert posterior_of("tree", is_softmax=True) is Posterior.log
    assert posterior_of("faiss", is_softmax=True) is Posterior.none


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_totals_of_a_head_are_those_of_float64(tmp_path, dtype):
    draw = np.random.default_rng(3)
    weights = (4 * draw.standard_normal((10_000, 8))).astype(np.float32)
    queries = draw.standard_normal((5, 8)).astype(np.float32)
    stored = round_nearest(weights) if dtype == "bfloat16" else weights
    save_array(tmp_path / "weights.npy", stored)
    shape = {"num_classes": 10_000, "dim": 8}
    write_manifest(tmp_path, kind="linear", shape=shape, facts={"dtype": dtype})
    server = LinearServer(threads=1)
    server.load(tmp_path)
    exact = to_float32(stored) if dtype == "bfloat16" else weights
    logits = queries.astype(np.float64) @ exact.T.astype(np.float64)
    highest = logits.max(axis=1, keepdims=True)
    truth = highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))
    np.testing.assert_allclose(server.log_totals(queries), truth, rtol=1e-6)


def test_a_total_does_not_overflow():
    far = log_total(
        np.full((1, 8), 200.0, np.float32), num_rows=50, block_size=7, block=lambda a, b: CENTRES[a:b]
    )
    assert np.isfinite(far).all()
