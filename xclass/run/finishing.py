"""What a saved model gets after its fitting was measured: nothing of this is under the meter.

In this order: the names of the classes, what a service needs to know, then the seal over all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from xclass.classifiers.class_names import save_class_names
from xclass.classifiers.seal import seal
from xclass.data.base import DataSource, batch_ranges
from xclass.run.served import save_served_facts
from xclass.run.spec import ChildSpec

_PIECE_CLASSES = 1 << 14


def finish_model(spec: ChildSpec, open_source: Callable[[], DataSource]) -> None:
    """Complete the model that a fit phase has saved; names are for the one that is kept and served.

    Raises:
        OSError: the disk is full.
    """
    folder = Path(spec.model_dir)
    if spec.is_judged and spec.run_config().data.mean_name_bytes():
        save_class_names(folder, _names(open_source()))
    save_served_facts(spec)
    seal(folder)


def _names(source: DataSource) -> Iterator[str]:
    for start, stop in batch_ranges(source.num_classes, _PIECE_CLASSES):
        yield from source.class_names(start, stop)
