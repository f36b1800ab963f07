"""Bodies of /predict: what is read, and every way to be refused, with words and without harm."""

import io
import json
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_models import CONTEXTS, DIM, NUM_CLASSES, NUM_FEATURES

from xclass.encoders.kinds import InputKind
from xclass.serving.bodies import JSON_TYPE, BodyReader, read_npy, unique_parameters
from xclass.serving.inputs import InputReader
from xclass.serving.refusals import RequestError
from xclass.serving.settings import ServeSettings

SETTINGS = ServeSettings(model="m", max_batch=4, max_queue=8, max_k=10, max_chars=20)


def reader(kind, contexts=()):
    inputs = InputReader(
        kind=kind, dim=DIM, num_features=NUM_FEATURES, contexts=contexts, max_chars=SETTINGS.max_chars
    )
    return BodyReader(inputs=inputs, settings=SETTINGS, num_classes=NUM_CLASSES)


VECTORS, TEXTS, ROWS = (reader(kind) for kind in InputKind)
SPOKEN = reader(InputKind.texts, CONTEXTS)


def read(reader, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return reader.read(JSON_TYPE, body, {})


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize("reader", [VECTORS, TEXTS, ROWS, SPOKEN])
def test_the_example_that_is_shown_is_understood(reader):
    ask = read(reader, reader.example())
    assert (len(ask), ask.k, ask.wants_probability) == (1, 5, True)


def test_texts_come_with_their_bytes_and_contexts():
    ask = read(SPOKEN, {"texts": ["ä", "\0b"], "contexts": ["en", "de"], "k": 2})
    assert ask.inputs.bytes_.tobytes() == "ä\0b".encode()
    assert ask.inputs.offsets.tolist() == [0, 2, 4]
    assert ask.inputs.contexts.tolist() == [1, 0]
    assert (ask.k, ask.wants_probability) == (2, False)


def test_rows_are_sorted_by_column():
    ask = read(ROWS, {"rows": [{"columns": [9, 3], "values": [0.5, 2]}, {"columns": [], "values": []}]})
    assert ask.inputs.columns.tolist() == [3, 9]
    assert ask.inputs.values.tolist() == [2.0, 0.5]
    assert ask.inputs.starts.tolist() == [0, 2, 2]


def test_vectors_come_from_json_and_npy_alike():
    vectors = np.random.default_rng(0).standard_normal((3, DIM)).astype(np.float32)
    from_json = read(VECTORS, {"vectors": vectors.tolist()}).inputs
    body = npy(vectors.astype(np.float64))
    ask = VECTORS.read("application/x-npy", body, {"k": "3", "probability": "true"})
    np.testing.assert_array_equal(from_json, vectors)
    np.testing.assert_array_equal(ask.inputs, vectors)
    assert (ask.k, ask.wants_probability) == (3, True)


NO_VECTOR = [0.0] * (DIM - 1)
ROW = {"columns": [1], "values": [1]}


@pytest.mark.parametrize(
    ("reader", "document", "words"),
    [
        (TEXTS, b"\xff", "no JSON"),
        (TEXTS, b"[" * 100_000, "no JSON"),
        (TEXTS, b'{"text": "a", "text": "b"}', "stands there twice"),
        (TEXTS, b'{"text": "a", "k": NaN}', "NaN"),
        (TEXTS, b'{"text": "a", "k": 1' + b"0" * 5000 + b"}", "no JSON"),
        (TEXTS, ["a"], "a list"),
        (TEXTS, {"text": "a", "top": 3}, "'top'"),
        (TEXTS, {"text": "a", "context": "de"}, "'context'"),
        (TEXTS, {"k": 3}, "neither text and texts"),
        (TEXTS, {"text": "a", "texts": ["b"]}, "both"),
        (TEXTS, {"vector": [1.0] * DIM}, "'vector'"),
        (TEXTS, {"texts": []}, "an empty list"),
        (TEXTS, {"texts": "abc"}, "a string"),
        (TEXTS, {"texts": ["a", 3]}, "text 1 is no string"),
        (TEXTS, {"text": ""}, "text 0 is empty"),
        (TEXTS, {"text": "\ud800"}, "surrogate"),
        (TEXTS, {"text": "a", "k": 0}, "k=0"),
        (TEXTS, {"text": "a", "k": 11}, "1 to 10"),
        (TEXTS, {"text": "a", "k": True}, "k=True"),
        (TEXTS, {"text": "a", "k": 2.0}, "k=2.0"),
        (TEXTS, {"text": "a", "probability": 1}, "true or false"),
        (SPOKEN, {"text": "a"}, "texts without context"),
        (SPOKEN, {"text": "a", "context": ["de"]}, "['de']"),
        (SPOKEN, {"text": "a", "contexts": ["de"]}, "contexts"),
        (SPOKEN, {"texts": ["a", "b"], "contexts": ["de"]}, "1 contexts of 2"),
        (SPOKEN, {"text": "a", "context": "<x>\n"}, r"'<x>\n'"),
        (VECTORS, {"vector": NO_VECTOR}, "of 7 numbers"),
        (VECTORS, {"vectors": [[*NO_VECTOR, 1], 3]}, "vector 1 that is no list"),
        (VECTORS, {"vector": [*NO_VECTOR, True]}, "no number"),
        (VECTORS, {"vector": [*NO_VECTOR, None]}, "no number"),
        (VECTORS, {"vector": [*NO_VECTOR, "1"]}, "no number"),
        (VECTORS, {"vector": [*NO_VECTOR, 1e39]}, "float32 cannot hold"),
        (VECTORS, b'{"vector": [' + b"0," * (DIM - 1) + b"1e999]}", "float32 cannot hold"),
        (VECTORS, {"vector": [*NO_VECTOR, 10**400]}, "float32 cannot hold"),
        (ROWS, {"row": [1, 2]}, "another form"),
        (ROWS, {"row": {**ROW, "x": 1}}, "another form"),
        (ROWS, {"row": {"columns": [1, 2], "values": [1]}}, "one length"),
        (ROWS, {"row": {"columns": [NUM_FEATURES], "values": [1]}}, "does not exist"),
        (ROWS, {"row": {"columns": [-1], "values": [1]}}, "does not exist"),
        (ROWS, {"row": {"columns": [1.0], "values": [1]}}, "does not exist"),
        (ROWS, {"row": {"columns": [1, 1], "values": [1, 2]}}, "twice"),
        (ROWS, {"row": {"columns": [1], "values": ["x"]}}, "no number"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(reader, document, words):
    with pytest.raises(RequestError) as refused:
        read(reader, document)
    answer = refused.value.to_json()
    assert refused.value.status == 400
    assert words in answer["error"] + answer["allowed"]
    assert answer["remedy"]
    assert all(text.isprintable() for text in answer.values())


def test_what_is_too_much_is_refused_as_such():
    for document in ({"texts": ["a"] * 5}, {"text": "a" * 21}):
        with pytest.raises(RequestError) as refused:
            read(TEXTS, document)
        assert refused.value.status == 413


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x93NUMPY",
        npy(np.zeros((2, DIM), np.float32))[:-1],
        npy(np.zeros((2, DIM), np.float32)) + b"\0",
        npy(np.zeros((2, DIM), np.int64)),
        npy(np.zeros((DIM, 2), np.float32).T),
        npy(np.zeros(DIM, np.float32)),
        npy(np.zeros((0, DIM), np.float32)),
        npy(np.array([["a"]])),
        npy(np.array([[Boom()]], dtype=object), allow_pickle=True),
        pickle.dumps(Boom()),
        npy(np.zeros((1, DIM), np.float32)).replace(b"(1, 8)", b"(1, 8e9)"),
        npy(np.zeros((1, DIM), np.float32)).replace(b"(1, 8), ", b"(9999999999999, 8), ")[:200],
        npy(np.zeros((1, DIM), np.float32)).replace(b"(1, 8)", b"(-1, -8)"),
    ],
)
def test_a_matrix_that_is_not_one_is_refused_before_it_takes_memory(body):
    with pytest.raises(RequestError) as refused:
        read_npy(body)
    assert refused.value.status == 400


def test_of_a_matrix_dimensions_numbers_and_parameters_are_checked():
    good = npy(np.zeros((1, DIM), np.float32))
    bad = {
        npy(np.zeros((1, DIM + 1), np.float32)): {},
        npy(np.full((1, DIM), np.nan, np.float32)): {},
        npy(np.full((1, DIM), 1e300)): {},
    }
    cases = [
        *bad.items(),
        (good, {"k": "x"}),
        (good, {"k": "99"}),
        (good, {"probability": "yes"}),
        (good, {"x": "1"}),
    ]
    for body, parameters in cases:
        with pytest.raises(RequestError, match="allowed is"):
            VECTORS.read("application/x-npy", body, parameters)
    with pytest.raises(RequestError, match="takes texts"):
        TEXTS.read("application/x-npy", good, {})
    with pytest.raises(RequestError, match="twice"):
        unique_parameters([("k", "1"), ("k", "2")])
    with pytest.raises(RequestError) as refused:
        TEXTS.read("text/plain", b"{}", {})
    assert refused.value.status == 415


@pytest.mark.parametrize(
    "piece",
    [b"[]", b"{}", b'{"":{}}', b'{"":{"":{"":{"":{}}}}}', b"1e1", b"999", b'"ab"', b'[{"":[{"":0}]}]'],
)
def test_no_body_takes_more_memory_than_the_promise_has_room_for(piece):
    body = b'{"texts":[' + b",".join([piece] * (200_000 // len(piece))) + b"]}"
    settings = ServeSettings(model="m")
    tracemalloc.start()
    with pytest.raises(RequestError):
        read(TEXTS, body)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes / len(body) < settings.reading_bytes / settings.max_bytes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["text", "texts", "vector", "vectors", "row", "rows", "k", "probability", "context", "contexts"]


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4) | JSON, st.sampled_from([VECTORS, SPOKEN, ROWS])
)
def test_any_json_is_understood_or_refused(document, reader):
    texts = []
    try:
        assert len(read(reader, document)) >= 1
    except RequestError as refused:
        texts = refused.to_json().values()
    assert all(text.isprintable() and len(text) < 500 for text in texts)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(body):
    for content_type in (JSON_TYPE, "application/octet-stream"):
        with pytest.raises(RequestError):
            VECTORS.read(content_type, body, {})
