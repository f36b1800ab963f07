"""Room on the disk for checkpoints is part of the plan, before a run of days fills the disk."""

import pytest

from xclass.classifiers.ranks.config import CheckpointConfig
from xclass.config import RunConfig
from xclass.errors import ConfigError
from xclass.sizing.plan import make_shape, plan_method

CLASSES, DIM = 10_000, 16


def disk_bytes(method, minutes):
    config = RunConfig(
        classes=CLASSES, dim=DIM, methods=[method], checkpoint=CheckpointConfig(minutes=minutes)
    )
    return plan_method(config, method, make_shape(config, CLASSES))[0].disk_bytes


@pytest.mark.parametrize(
    ("method", "of_one"),
    [("dense_softmax", 4 * CLASSES * DIM), ("sampled_softmax", 4 * CLASSES * (DIM + 1)), ("knn", 0)],
)
def test_two_checkpoints_lie_there_while_the_second_is_written(method, of_one):
    assert disk_bytes(method, 10.0) - disk_bytes(method, None) == 2 * of_one


@pytest.mark.parametrize("settings", [{"minutes": -1.0}, {"minutes": float("nan")}, {"folder": "there"}])
def test_settings_without_sense_are_refused_by_name(settings):
    with pytest.raises(ConfigError, match=r"checkpoint\.(minutes|folder)"):
        CheckpointConfig(**settings)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"methods": ["nearest_neighbour"]},
            "in one process; add dense_softmax or sampled_softmax",
        ),
        ({"classes": 3, "ranks": 4}, "1 to 3, the number of classes"),
    ],
)
def test_ranks_without_effect_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        RunConfig(**{"ranks": 2, **changes})
