"""Models that a real run left are served, and answer as the run recorded."""

import numpy as np
import pytest

from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.entry import open_source
from xclass.evaluate.saved_answers import SavedAnswers
from xclass.serving.model import ServedModel
from xclass.serving.promise import Promise
from xclass.serving.queries import Ask
from xclass.serving.settings import ServeSettings


@pytest.mark.parametrize("method", ["dense_softmax", "sampled_softmax", "nearest_neighbour"])
def test_a_served_model_answers_as_its_run_recorded(comparison, method):
    run, _ = comparison
    record = run.record(f"{method}-serve-rss")
    settings = SyntheticConfig(**record["config"]["data"])
    source = open_source(settings, num_classes=2000, dim=32, seed=3, facts=record["data_facts"])
    saved = SavedAnswers.load(run.path / "answers" / f"{method}.npz")
    model = ServedModel(ServeSettings(model=str(run.path / "models" / method)))
    ask = Ask(inputs=source.queries(200, 3).inputs, k=5, wants_probability=True)
    answer = model.to_json(ask, model.find(ask.inputs, model.search_for(ask)))
    found = np.array([[one["class"] for one in row] for row in answer["answers"]])
    assert (found == saved.classes_QK[:, :5]).all(axis=1).mean() > 0.99  # equal scores may change places
    shares = [one["probability"] for row in answer["answers"] for one in row]
    if method == "nearest_neighbour":
        assert set(shares) == {None}
    else:
        assert all(0 <= share <= 1 for share in shares)
    assert None not in answer["confidence"]
    assert isinstance(model.promise, Promise)
    assert model.promise.peak_bytes == record["memory"]["peak_rss_bytes"]
    assert model.describe()["method"] == method
