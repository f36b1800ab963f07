"""``data=xmc`` as a data source: rows of the prepared folder in O(batch) memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xclass.data.base import IntArray, SparseRows
from xclass.data.manifest import read_manifest_document
from xclass.data.row_source import RowSource
from xclass.data.text_store import TextStore
from xclass.data.xmc.config import FORMAT_VERSION
from xclass.data.xmc.prepare import ENTRY


class XmcSource(RowSource):
    """Numbered features -> classes. Implements :class:`xclass.data.base.DataSource`.

    Memory: as :class:`xclass.data.row_source.RowSource`, and 8 B per feature of a batch twice.
    """

    def __init__(self, folder: Path, *, num_classes: int | None, seed: int) -> None:
        """Open a prepared folder; arguments and errors as of :class:`xclass.data.row_source.RowSource`.

        Raises:
            DataError: the folder is damaged.
        """
        document = read_manifest_document(folder, version=FORMAT_VERSION)
        super().__init__(folder, document, name="xmc", num_classes=num_classes, seed=seed)
        self._rows = TextStore(folder, "rows", num_texts=document["num_rows"], dtype=np.uint64)
        self.num_features = int(document["num_features"])

    def read(self, rows: IntArray) -> SparseRows:
        """The rows with these numbers, in this order."""
        is_run = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1 and bool(np.all(np.diff(rows) == 1))
        elements, starts = (
            self._rows.slice(int(rows[0]), int(rows[-1]) + 1) if is_run else self._rows.gather(rows)
        )
        entries = elements.view(ENTRY)
        return SparseRows(
            starts=starts,
            columns=np.ascontiguousarray(entries["column"]),
            values=np.ascontiguousarray(entries["value"]),
            num_columns=self.num_features,
        )

    def facts(self) -> dict[str, Any]:
        """What a report says of the data."""
        document = self._document
        return {
            "name": "xmc",
            "task": "numbered features -> classes",
            **super().facts(),
            "num_features": self.num_features,
            "features_per_example": document["features_per_example"],
            "feature_growth": document["feature_growth"],
            "num_rows_without_features": document["num_rows_without_features"],
        }
