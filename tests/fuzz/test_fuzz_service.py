"""What a service reads besides the model: served.json, names of classes, bodies of requests."""

import json

import numpy as np
import pytest
from hypothesis import strategies as st
from nonsense import HOSTILE_TEXT, JSON, TOO_DEEP, any_damage, changed, damaged, fuzz, only_own_errors
from test_fuzz_headers import NPY

from xclass.classifiers.class_names import open_class_names, save_class_names
from xclass.classifiers.served_facts import ServedFacts, open_served_facts
from xclass.encoders.kinds import InputKind
from xclass.serving.bodies import JSON_TYPE, BodyReader
from xclass.serving.inputs import InputReader
from xclass.serving.settings import ServeSettings


def test_damaged_facts_of_serving(tmp_path):
    facts = {
        "method": "knn",
        "inputs": InputKind.texts,
        "num_features": 0,
        "contexts": ("de",),
        "is_softmax": False,
    }
    ServedFacts(**facts).save(tmp_path)
    document = json.loads((tmp_path / "served.json").read_text())

    @fuzz(any_damage(document))
    def check(content):
        (tmp_path / "served.json").write_bytes(content)
        with only_own_errors():
            open_served_facts(tmp_path)

    check()


def test_damaged_names_of_classes(tmp_path):
    names = ["one", "zwei", "<script>", "\U0001f642"]
    save_class_names(tmp_path, names)
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    files = {str(path.relative_to(tmp_path)): path.read_bytes() for path in paths}

    @fuzz(st.sampled_from(sorted(files)).flatmap(lambda name: st.tuples(st.just(name), damaged(files[name]))))
    def check(drawn):
        name, content = drawn
        (tmp_path / name).write_bytes(content)
        try:
            with only_own_errors():
                found = open_class_names(tmp_path)
                shown = found.names(range(4)) if found else []
                assert all(isinstance(each, str) and each.encode() is not None for each in shown)
        finally:
            (tmp_path / name).write_bytes(files[name])

    check()


SETTINGS = ServeSettings(model="m", max_batch=4, max_queue=8, max_k=10, max_chars=20)
VALID = {
    InputKind.texts: {"texts": ["a", "b"], "k": 3, "probability": True},
    InputKind.vectors: {"vectors": [[0.5, 1, 2]], "k": 3},
    InputKind.rows: {"row": {"columns": [1, 2], "values": [0.5, 1]}, "k": 1},
}


@pytest.mark.parametrize("kind", list(VALID))
def test_bodies_of_nonsense(kind):
    inputs = InputReader(kind=kind, dim=3, num_features=7, contexts=(), max_chars=20)
    reader = BodyReader(inputs=inputs, settings=SETTINGS, num_classes=5)

    @fuzz(st.sampled_from([JSON_TYPE, "application/x-npy"]), st.one_of(
        changed(VALID[kind]), damaged(json.dumps(VALID[kind]).encode()), NPY, st.sampled_from(TOO_DEEP),
        JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=50),
    ), st.dictionaries(st.sampled_from(["k", "probability", "x"]), HOSTILE_TEXT, max_size=2))  # fmt: skip
    def check(content_type, body, parameters):
        with only_own_errors():
            ask = reader.read(content_type, body, parameters)
            assert 1 <= len(ask.inputs) <= SETTINGS.max_batch
            assert kind is not InputKind.vectors or np.isfinite(ask.inputs).all()

    check()
