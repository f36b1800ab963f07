"""What the demo's page shows of a run: held-out queries, known examples, and in words what is missing."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from xclass.data.base import ClassSets, SparseRows, Texts
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.source import SyntheticSource
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.factory import build_encoder
from xclass.encoders.kinds import EncoderKind
from xclass.errors import DataError, RecordError, XclassError
from xclass.estimators.source import MemorySource, Targets
from xclass.evaluate.saved_answers import SavedAnswers
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.records.store import write_record
from xclass.serving.page.held_out import HeldOut
from xclass.serving.page.known_examples import MOST_COMPARED, KnownExamples
from xclass.serving.page.queries_shown import body_of, words_of
from xclass.serving.page.run_facts import find_run


def texts(*words, contexts=None):
    pieces = [word.encode() for word in words]
    return Texts(
        bytes_=np.frombuffer(b"".join(pieces), np.uint8),
        offsets=np.cumsum([0, *map(len, pieces)]),
        contexts=np.array(contexts or [0] * len(words), np.uint32),
    )


ROWS = SparseRows(
    starts=np.array([0, 2, 2]), columns=np.array([3, 8], np.int32), values=np.array([0.5, 1.0], np.float32),
    num_columns=10,
)  # fmt: skip


def make(**settings):
    return SyntheticSource(SyntheticConfig(**settings), num_classes=500, dim=8, seed=3, sigma=0.1)


def in_memory(inputs, classes):
    """A source of which every example is a training example."""
    sets = ClassSets.of_single(np.array(classes))
    return MemorySource(inputs, Targets(sets=sets, counts_C=np.bincount(classes), is_several=False), seed=0)


def answered(source, num_queries, *, num_right):
    """Answers to the queries of a source, of which the first are right."""
    truth_Q = source.queries(num_queries, 5).classes_B
    first_Q = np.where(np.arange(num_queries) < num_right, truth_Q, (truth_Q + 1) % source.num_classes)
    scores_QK = np.ones((num_queries, 1), np.float32)
    return SavedAnswers(classes_QK=first_Q[:, None], scores_QK=scores_QK, truth_Q=truth_Q, several=None)


def test_queries_are_told_apart_by_whether_the_first_answer_was_right():
    source = make()
    held_out = HeldOut(source, answered(source, 20, num_right=14), seed=5, contexts=[])
    assert (held_out.count(is_right=True), held_out.count(is_right=False)) == (14, 6)
    wrong = held_out.some(is_right=False, start=0, num=6)
    assert [one["number"] for one in wrong] == [14, 15, 16, 17, 18, 19]
    assert all(one["answered"] not in one["right"] for one in wrong)
    assert all([one["answered"]] == one["right"] for one in held_out.some(is_right=True, start=3, num=10))
    assert held_out.some(is_right=False, start=5, num=2) == [wrong[5], wrong[0]]
    assert len(held_out.some(is_right=False, start=0, num=100)) == 6
    vector = source.queries(20, 5).inputs[14]
    assert wrong[0]["body"] == {"vector": vector.tolist()}


def test_with_no_wrong_answer_there_is_none_to_show():
    source = make()
    held_out = HeldOut(source, answered(source, 3, num_right=3), seed=5, contexts=[])
    assert held_out.some(is_right=False, start=7, num=3) == []


def test_data_that_has_changed_since_the_run_is_not_shown_as_its_questions():
    source = make()
    with pytest.raises(DataError, match="not that of the run"):
        HeldOut(source, answered(source, 20, num_right=14), seed=6, contexts=[])


def test_examples_are_shown_as_people_read_them_and_as_predict_takes_them():
    words = texts("Haus", "<b>\u202e", contexts=[1, 0])
    assert words_of(words, 1) == "<b>\u202e"
    assert body_of(words, 0, ["de", "en"]) == {"text": "Haus", "context": "en"}
    assert body_of(words, 0, []) == {"text": "Haus"}
    assert words_of(ROWS, 0) == "2 features: 3:0.5, 8:1"
    assert words_of(ROWS, 1) == "0 features: "
    assert body_of(ROWS, 0, []) == {"row": {"columns": [3, 8], "values": [0.5, 1.0]}}
    assert words_of(np.ones((1, 9), np.float32), 0) == "9 numbers: 1, 1, 1, 1, 1, 1, ..."


@pytest.mark.parametrize("kind", [EncoderKind.ngrams, EncoderKind.bag])
def test_the_nearest_examples_of_a_class_come_first_and_each_text_once(kind):
    inputs = texts("tabletop", "banana split", "banana", "banana", "bananas", "ananas")
    encoder = build_encoder(kind, dim=64, num_features=BagConfig().num_buckets, seed=1)
    encoder.learn(iter([inputs]))
    encode = lambda some: encoder.encode(encoder.features(some))  # noqa: E731
    known = KnownExamples(in_memory(inputs, [1, 0, 0, 0, 0, 1]))
    found = known.nearest(encode, texts("bananas"), 0, num=3)
    assert [one["words"] for one in found["examples"]] == ["bananas", "banana", "banana split"]
    cosines = [one["cosine"] for one in found["examples"]]
    assert cosines[0] == pytest.approx(1.0, abs=1e-3)
    assert cosines == sorted(cosines, reverse=True)
    assert (found["num_compared"], found["is_all"]) == (4, True)


def test_the_cosine_of_vectors_is_the_plain_one():
    source = make(uniform_share=1.0)
    query_1D = source.queries(1, 3).inputs
    found = KnownExamples(source).nearest(lambda some: some, query_1D, 17, num=2)
    examples_ND = source.examples_of(17, 100).inputs.astype(np.float64)
    lengths = np.linalg.norm(examples_ND, axis=1) * np.linalg.norm(query_1D)
    expected = np.sort((examples_ND @ query_1D[0]) / lengths)[::-1][:2]
    assert [one["cosine"] for one in found["examples"]] == pytest.approx(expected.tolist(), abs=1e-4)


def test_of_a_large_class_only_the_first_examples_are_compared_and_it_says_so():
    count = MOST_COMPARED + 50
    known = KnownExamples(in_memory(np.eye(count, 4, dtype=np.float32), [0] * (count - 1) + [1]))
    found = known.nearest(lambda some: some, np.ones((1, 4), np.float32), 0, num=1)
    assert (found["num_compared"], found["is_all"]) == (MOST_COMPARED, False)
    assert (
        known.nearest(lambda some: some, np.zeros((1, 4), np.float32), 1, num=1)["examples"][0]["cosine"] == 0
    )


def test_a_method_that_does_not_look_at_a_query_has_no_nearest_example():
    known = KnownExamples(in_memory(texts("one", "two", "three"), [0, 0, 1]))
    found = known.nearest(lambda some: some, texts("two"), 0, num=3)
    assert found["examples"] == [{"words": "one", "cosine": None}, {"words": "two", "cosine": None}]


def test_a_class_without_examples_has_none():
    found = KnownExamples(make(uniform_share=0.0)).nearest(lambda some: some, np.ones((1, 8)), 3, num=3)
    assert found == {"examples": [], "num_compared": 0, "is_all": True}


def run_with(folder, **changes):
    """A run with the record of serving one method, and the folder of its model."""
    shares = {
        f"at_{k}{end}": share for k in (1, 5) for end, share in (("", 0.5), ("_low", 0.2), ("_high", 0.8))
    }
    accuracy = {"num_queries": 10, **shares}
    record = Record(
        method="knn", phase=Phase.SERVE, pass_=Pass.RSS, verdict=Verdict.MEASURED, classes=100, dim=8,
        data="synthetic", seed=3,
    )  # fmt: skip
    path = write_record(folder, record)
    document = json.loads(path.read_text())
    document |= {"accuracy": accuracy, "config": {"data": {}}, "data_facts": {"noise_sigma": 0.1}} | changes
    path.write_text(json.dumps(document))
    model = folder / "models" / "knn"
    model.mkdir(parents=True)
    return model


def test_a_model_without_its_run_says_so(tmp_path):
    for model in (tmp_path, tmp_path / "models" / "knn"):
        with pytest.raises(DataError, match="folder of the run"):
            find_run(model)


def test_a_run_that_measured_no_answers_says_so(tmp_path):
    with pytest.raises(RecordError, match="nothing is known of its answers"):
        find_run(run_with(tmp_path, accuracy=None))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "nowhere"}, "data=nowhere"),
        ({"config": {}}, "data=synthetic"),
        ({"config": {"data": {"bayes_accuracy": 7.0}}}, "bayes_accuracy"),
        ({"data": "lemmas", "data_facts": {"folder": "/no/such/folder"}}, "/no/such/folder"),
        ({"data": "lemmas", "data_facts": {}}, "not on this machine"),
    ],
)
def test_data_that_is_not_here_is_one_line(tmp_path, changes, words):
    run = find_run(run_with(tmp_path, **changes))
    with pytest.raises(XclassError, match=words) as raised:
        run.open_data()
    assert len(str(raised.value).splitlines()) == 1


def test_the_data_of_a_run_opens_as_the_run_had_it(tmp_path):
    source = find_run(run_with(tmp_path)).open_data()
    assert (source.num_classes, source.queries(2, 3).inputs.shape) == (100, (2, 8))


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


ANSWERS = {"classes_QK": np.zeros((4, 2), int), "scores_QK": np.zeros((4, 2)), "truth_Q": np.zeros(4, int)}


@pytest.mark.parametrize(
    "content",
    [
        None, b"", b"PK\x03\x04 no archive", npz(**ANSWERS)[:-30], npz(truth_Q=ANSWERS["truth_Q"]),
        npz(**ANSWERS | {"truth_Q": np.zeros(3, int)}), npz(**ANSWERS | {"truth_Q": np.array([{}])}),
    ],
)  # fmt: skip
def test_answers_that_are_gone_or_damaged_are_one_line(tmp_path, content):
    run = find_run(run_with(tmp_path))
    path = Path(tmp_path, "answers", "knn.npz")
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    with pytest.raises(DataError, match="answers of the run") as raised:
        run.open_answers()
    assert len(str(raised.value).splitlines()) == 1
