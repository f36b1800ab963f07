"""Answers on disk hold all that metrics are made of, and a run's metrics are those of its answers."""

import numpy as np
import pytest

from xclass.data.base import Batch, ClassSets
from xclass.evaluate.places import find_places
from xclass.evaluate.saved_answers import SavedAnswers


@pytest.mark.parametrize("has_several", [False, True])
def test_answers_come_back_with_all_true_classes(tmp_path, has_several):
    several = ClassSets(starts=np.array([0, 2, 3]), classes=np.array([4, 7, 1]))
    queries = Batch(
        inputs=np.zeros((2, 4), np.float32),
        classes_B=np.array([4, 1]),
        several=several if has_several else None,
    )
    classes_QK, scores_QK = np.array([[7, 0], [1, -1]]), np.array([[2.0, 1.0], [3.0, 0.0]], np.float32)
    path = tmp_path / "answers" / "m.npz"
    SavedAnswers.of_queries(queries, classes_QK=classes_QK, scores_QK=scores_QK).save(path)
    found = SavedAnswers.load(path)
    assert [item.name for item in path.parent.iterdir()] == ["m.npz"]
    np.testing.assert_array_equal(found.classes_QK, classes_QK)
    np.testing.assert_array_equal(found.scores_QK, scores_QK)
    assert found.truth.classes.tolist() == ([4, 7, 1] if has_several else [4, 1])
    assert len(found.truth) == 2
    assert found.met_truth.tolist() == ([7, 1] if has_several else [4, 1]), "each true class is right"


@pytest.mark.slow
def test_the_metrics_of_a_run_are_those_of_its_answers(comparison):
    folder, _ = comparison
    for method in ("nearest_neighbour", "sampled_softmax"):
        answers = SavedAnswers.load(folder.path / "answers" / f"{method}.npz")
        record = folder.record(f"{method}-serve-rss")
        found = {
            metric["name"] + (f"_at_{metric['k']}" if metric["k"] else ""): metric
            for metric in record["metrics"]
        }
        places = find_places(answers.classes_QK, answers.truth).place_T
        for k in (1, 3, 5):
            assert found[f"recall_at_{k}"]["value"] == pytest.approx(np.mean(places < k))
        assert found["recall_at_1"]["value"] == pytest.approx(record["accuracy"]["at_1"])
        assert found["recall_at_1"]["low"] == pytest.approx(record["accuracy"]["at_1_low"])
        assert found["coverage"]["num_queries"] == len(places) // 2
        row = folder.rows()[method, "serve"]
        assert row["ndcg_at_5"] == found["ndcg_at_5"]["value"]
        assert "By rank, rarity and confidence" in folder.report()
