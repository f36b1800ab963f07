"""What a record keeps of groups of classes, so that pictures of them can be drawn: a few kilobytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(kw_only=True, slots=True)
class ClassMap:
    """Some class vectors, scaled to length 1, on the two axes along which they differ most."""

    points: list[list[float]]
    """Rows of (row of the class's group, x, y)."""
    explained_shares: list[float]
    """Of the variance of these vectors: along the first and along the second axis."""


@dataclass(kw_only=True, slots=True)
class Pictures:
    """First answers and class vectors by group of classes, a row per group.

    The first ``len(groups)`` rows are the groups that the queries met most; where there are others, one more
    row holds them all together.
    """

    noun: str
    """What the data calls a group: ``language``."""
    groups: list[str]
    """Names, by falling number of queries: text from the data, which may be hostile."""
    num_other_groups: int
    """Groups without a row of their own."""
    confusion: list[list[int]]
    """Queries by the group of their true class (row) and of their first answer (column); the last column
    counts queries without an answer."""
    num_right: list[int]
    """Of each row: queries whose first answer is their class."""
    num_in_group: list[int]
    """Of each row: queries whose first answer is in the group of their class, right ones counted. The last
    row's is less than its cell on the diagonal: there one other group may be taken for another."""
    by_chance_share: float | None
    """Of the wrong answers: how many would lie in the true group if they were dealt out to the wrongly
    answered queries at random. None where there are none."""
    similarity: list[list[float | None]] | None
    """Mean cosine between class vectors of two rows, from a sample of each; a vector is not compared with
    itself. None within: fewer vectors than it takes."""
    class_map: ClassMap | None
    left_out: str | None
    """One sentence: why there are neither similarity nor map."""
    seconds: float
    """To make all this, after the measurement."""

    @property
    def num_queries(self) -> int:
        """Queries asked."""
        return sum(sum(row) for row in self.confusion)

    @property
    def num_wrong(self) -> int:
        """Queries whose first answer is another class than theirs, or none."""
        return self.num_queries - sum(self.num_right)

    @property
    def num_wrong_in_group(self) -> int:
        """Of them: those whose first answer is in the group of their class."""
        return sum(self.num_in_group) - sum(self.num_right)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Pictures:
        """Read a JSON object back.

        Raises:
            TypeError: a key is missing or unknown.
            ValueError: rows do not belong together.
        """
        values = dict(document)
        if values.get("class_map") is not None:
            values["class_map"] = ClassMap(**values["class_map"])
        pictures = cls(**values)
        num_rows = len(pictures.groups) + (pictures.num_other_groups > 0)
        tables = [pictures.confusion, pictures.similarity or pictures.confusion]
        if any(len(rows) != num_rows for rows in (*tables, pictures.num_right, pictures.num_in_group)):
            raise ValueError(f"pictures of {num_rows} groups have another number of rows")
        widths = {len(row) for row in pictures.confusion} | {
            len(row) + 1 for row in pictures.similarity or []
        }
        if widths - {num_rows + 1}:
            raise ValueError(f"pictures of {num_rows} groups have another number of columns")
        points = pictures.class_map.points if pictures.class_map else []
        if any(len(point) != 3 or point[0] not in range(num_rows) for point in points):
            raise ValueError("pictures have a point of the map that is of no row")
        return pictures
