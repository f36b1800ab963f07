"""What is made of answers after everything was measured: further metrics and pictures.

The meter has read and the outcome was sent, so that what takes long or fails here loses nothing measured.
"""

from __future__ import annotations

from xclass.classifiers.base import Server
from xclass.config import RunConfig
from xclass.data.base import DataSource
from xclass.evaluate.metric_list import further_metrics
from xclass.evaluate.pictures import make_pictures
from xclass.evaluate.saved_answers import SavedAnswers
from xclass.records.record import Phase
from xclass.run.events import EventWriter


def judge(
    answers: SavedAnswers, source: DataSource, server: Server, config: RunConfig, events: EventWriter
) -> None:
    """Send the event ``metrics``, then ``pictures``."""
    settings = config.evaluate
    metrics = further_metrics(
        source,
        classes_QK=answers.classes_QK,
        scores_QK=answers.scores_QK,
        truth=answers.truth,
        propensity=(settings.propensity_a, settings.propensity_b),
        threshold=settings.confidence_threshold,
        seed=config.seed,
    )
    events.send("metrics", phase=Phase.SERVE, metrics=metrics)
    pictures = make_pictures(
        source,
        answers_Q=answers.classes_QK[:, 0],
        truth_Q=answers.met_truth,
        class_vectors=server.class_vectors,
        seed=config.seed,
    )
    events.send("pictures", phase=Phase.SERVE, pictures=pictures)
