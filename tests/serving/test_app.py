"""The service over HTTP within one process: answers, chances, refusals, health and metrics."""

import io
import json

import numpy as np
import pytest
from serving_models import CENTRES, CONTEXTS, DIM, NUM_CLASSES, save_answers, save_head
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from xclass.encoders.kinds import InputKind
from xclass.errors import ModelError
from xclass.serving.app import make_app
from xclass.serving.settings import ServeSettings

HERE = "http://localhost"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A head of vectors in a run with answers."""
    run_dir = tmp_path_factory.mktemp("run")
    save_answers(run_dir, "dense_softmax")
    names = [f"name {number}" for number in range(NUM_CLASSES - 1)] + ["<b>\n"]
    return save_head(run_dir / "models" / "dense_softmax", names=names)


@pytest.fixture(scope="module")
def client(folder):
    with TestClient(make_app(ServeSettings(model=str(folder), max_bytes=2048)), base_url=HERE) as client:
        yield client


def test_the_best_classes_come_with_names_scores_and_probabilities(client):
    query = CENTRES[-1] * 0.5
    answer = client.post("/predict", json={"vector": query.tolist(), "k": 3, "probability": True}).json()
    scores = CENTRES.astype(np.float64) @ query
    order = np.argsort(-scores)[:3]
    shares = np.exp(scores) / np.exp(scores).sum()
    (found,) = answer["answers"]
    assert [one["class"] for one in found] == order.tolist()
    assert found[0]["name"] == "<b>\n"
    np.testing.assert_allclose([one["score"] for one in found], scores[order], rtol=1e-5)
    np.testing.assert_allclose([one["probability"] for one in found], shares[order], rtol=1e-4)
    assert answer["probability"] == "softmax over all classes, as the model was trained"
    assert 0 < answer["confidence"][0] < 1
    assert "200 held-out queries" in answer["confidence_kind"]
    assert answer["model"]["folder"] == "dense_softmax"


def test_no_probability_is_invented(tmp_path):
    folder = save_head(tmp_path / "copied" / "alone", is_softmax=False)
    with TestClient(make_app(ServeSettings(model=str(folder))), base_url=HERE) as client:
        body = {"vectors": [[1.0] * DIM] * 2, "probability": True}
        answer = client.post("/predict", json=body).json()
        health = client.get("/health").json()
    assert {one["probability"] for row in answer["answers"] for one in row} == {None}
    assert answer["confidence"] == [None, None]
    assert answer["confidence_kind"].startswith("none: no answers of the run")
    assert answer["probability"].startswith("none")
    assert health["ram"]["promised_bytes"] is None
    assert "no record" in health["ram"]["promise"]["reason"]


def test_one_answer_is_as_sure_alone_as_among_five(client):
    body = {"vector": CENTRES[3].tolist(), "probability": True}
    one, five = (client.post("/predict", json={**body, "k": k}).json() for k in (1, 5))
    assert one["confidence"] == five["confidence"]
    assert (len(one["answers"][0]), len(five["answers"][0])) == (1, 5)


def test_a_matrix_is_answered_like_json(client):
    file = io.BytesIO()
    np.save(file, CENTRES[:4])
    headers = {"content-type": "application/x-npy"}
    of_npy = client.post("/predict?k=2&probability=true", content=file.getvalue(), headers=headers).json()
    body = {"vectors": CENTRES[:4].tolist(), "k": 2, "probability": True}
    of_json = client.post("/predict", json=body).json()
    assert of_npy["answers"] == of_json["answers"]


@pytest.mark.parametrize("inputs", [InputKind.texts, InputKind.rows])
def test_texts_and_rows_are_answered_too(tmp_path, inputs):
    folder = save_head(tmp_path / "m", inputs, contexts=CONTEXTS if inputs is InputKind.texts else ())
    with TestClient(make_app(ServeSettings(model=str(folder))), base_url=HERE) as client:
        shown = client.get("/").json()
        answer = client.post("/predict", json=shown["example"])
        assert answer.status_code == 200
        assert len(answer.json()["answers"][0]) == 5
        assert shown["model"]["inputs"] == inputs
        if inputs is InputKind.texts:
            german, english = (
                client.post("/predict", json={"text": "abc", "context": context}).json()["answers"]
                for context in CONTEXTS
            )
            assert german != english


def test_refusals_are_json_with_a_remedy(client):
    cases = {
        400: client.post("/predict", json={"vector": [1]}),
        404: client.get("/nothing"),
        405: client.get("/predict"),
        413: client.post("/predict", json={"vector": [0.123456789] * 400}),
        415: client.post("/predict", content=b"{}"),
        421: client.get("/health", headers={"host": "evil.example"}),
    }
    for status, answer in cases.items():
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "allowed", "remedy"}, status
    assert client.get("/health", headers={"host": "[::1"}).status_code == 421
    pieces = (b"x" * 1000 for _ in range(4))
    headers = {"content-type": "application/json"}
    assert client.post("/predict", content=pieces, headers=headers).status_code == 413


def test_a_name_that_a_proxy_passes_on_can_be_allowed(folder):
    with TestClient(
        make_app(ServeSettings(model=str(folder), hosts=("demo.example",))), base_url=HERE
    ) as client:
        assert client.get("/health", headers={"host": "demo.example:80"}).status_code == 200


def test_health_and_metrics_say_how_it_is(client):
    before = metrics(client)
    client.post("/predict", json={"vectors": CENTRES[:3].tolist()})
    client.post("/predict", json={"vectors": []})
    after = metrics(client)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown["xclass_queries_total"] == 3
    assert grown['xclass_refusals_total{status="400"}'] == 1
    assert grown["xclass_batch_queries_count"] == 1
    assert grown['xclass_request_seconds_count{status="200"}'] == 1
    health = client.get("/health").json()
    assert health["ready"]
    assert health["refused_model"] is None
    assert health["ram"]["now_bytes"] == pytest.approx(after["xclass_ram_bytes"], rel=0.05)
    assert health["ram"]["now_bytes"] > 10e6


def metrics(client):
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_a_page_can_be_put_before_the_description(folder):
    routes = [Route("/", lambda request: PlainTextResponse(str(request.app.state.service.model.num_classes)))]
    with TestClient(make_app(ServeSettings(model=str(folder)), routes), base_url=HERE) as client:
        assert client.get("/").text == str(NUM_CLASSES)
        assert client.get("/health").status_code == 200


def test_a_model_that_cannot_be_served_is_refused_by_name(tmp_path):
    damaged = save_head(tmp_path / "damaged")
    weights = damaged / "weights.npy"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    unsaid = save_head(tmp_path / "unsaid")
    (unsaid / "served.json").write_text(json.dumps({"format_version": 1, "method": 3}))
    for folder, words in (
        (tmp_path / "none", "no such folder"),
        (tmp_path, "no model.json"),
        (damaged, "weights.npy"),
        (unsaid, "served.json"),
    ):
        with pytest.raises(ModelError, match=words):
            make_app(ServeSettings(model=str(folder)))
