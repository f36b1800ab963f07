"""What the run that made a model left beside it: the record of serving, the answers, the data."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from xclass.config import from_dict
from xclass.data.base import DataSource
from xclass.data.registry import DATA_CONFIGS
from xclass.errors import DataError, RecordError, XclassError
from xclass.evaluate.saved_answers import SavedAnswers
from xclass.records.record import Pass, Phase, Record
from xclass.records.store import RECORDS_FOLDER, read_record


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """A run, seen from one of its models."""

    folder: Path
    """Of the run."""
    record: Record
    """Of serving the model, untraced."""

    def open_data(self) -> DataSource:
        """The data that the model was fitted on.

        Raises:
            DataError: it is not on this machine, or not as the run had it.
        """
        record = self.record
        try:
            config_class = DATA_CONFIGS[record.data]
            source: DataSource = importlib.import_module(config_class.entry).open_source(
                from_dict(config_class, record.config["data"]),
                num_classes=record.classes,
                dim=record.dim,
                seed=record.seed,
                facts=record.data_facts,
            )
        except (XclassError, OSError, KeyError, TypeError, ValueError, AssertionError) as error:
            words = str(error) or type(error).__name__
            raise DataError(f"data={record.data} of the run is not on this machine: {words}") from error
        return source

    def open_answers(self) -> SavedAnswers:
        """What the model answered to the held-out queries.

        Raises:
            DataError: the file is gone or damaged.
        """
        return SavedAnswers.load(self.folder / "answers" / f"{self.record.method}.npz")


def find_run(model: Path) -> RunFacts:
    """The run that a model lies in.

    Args:
        model: ``RUN/models/METHOD``, links followed.

    Raises:
        DataError: it lies in none: it was copied alone, or amended.
        RecordError: the record is damaged.
    """
    folder = model.parent.parent
    path = folder / RECORDS_FOLDER / f"{model.name}-{Phase.SERVE}-{Pass.RSS}.json"
    if model.parent.name != "models" or not path.is_file():
        raise DataError("the model does not lie in the folder of the run that made it")
    record = read_record(path)
    if record.accuracy is None:
        raise RecordError(f"{path}: ended as {record.verdict}, so that nothing is known of its answers")
    return RunFacts(folder=folder, record=record)
