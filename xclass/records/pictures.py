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

    def is_of(self, num_rows: int) -> bool:
        """Whether there are points, each of one of so many rows, within 2 as of unit vectors."""
        are_points = all(
            len(point) == 3 and point[0] in range(num_rows) and max(map(abs, point[1:])) < 2.01
            for point in self.points
        )
        return bool(self.points) and are_points and len(self.explained_shares) == 2


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
        pictures._check()
        return pictures

    def _check(self) -> None:
        """Rows that belong together, so that whoever draws them need not ask."""
        num_rows = len(self.groups) + (self.num_other_groups > 0)
        similarity = self.confusion if self.similarity is None else self.similarity
        tables = [self.confusion, similarity, self.num_right, self.num_in_group]
        widths = {len(row) for row in self.confusion} | {len(row) + 1 for row in self.similarity or []}
        if any(len(rows) != num_rows for rows in tables) or widths - {num_rows + 1}:
            raise ValueError(f"pictures: tables that are not of {num_rows} groups")
        for row, counts in enumerate(self.confusion):
            if min(counts) < 0 or not 0 <= self.num_right[row] <= self.num_in_group[row] <= counts[row]:
                raise ValueError(f"pictures: counts of row {row} that cannot be")
        values = [value for row in self.similarity or [] for value in row if value is not None]
        if not all(abs(value) < 1.01 for value in values):
            raise ValueError("pictures: similarities that are no cosines")
        if self.class_map is not None and not self.class_map.is_of(num_rows):
            raise ValueError(f"pictures: a map that is not of {num_rows} groups")
