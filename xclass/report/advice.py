"""Which method to take: the cheapest one to serve whose accuracy reaches close enough to the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xclass.records.record import Phase, Record, Verdict
from xclass.report.rows import Row, shown_variant
from xclass.report.text import code, escape, points_text, share_with_interval
from xclass.sizing.choice import Choice, format_usd
from xclass.sizing.ledger import EQUAL_RUNS_BYTES
from xclass.units import format_bytes, format_seconds

DEFAULT_POINTS = 1.0
"""Where a record does not say (``evaluate.advice_points``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Offer:
    """A method that answered, and what serving it costs."""

    row: Row
    """Of its serve phase."""
    fit: Row | None
    """Of its train or build phase."""
    choice: Choice | None

    @property
    def name(self) -> str:
        return code(shown_variant(self.row))

    @property
    def is_untrained(self) -> bool:
        """Nothing in it, borrowed parts included, has been trained."""
        return self.fit is not None and self.fit["phase"] == Phase.BUILD and self.fit["lender"] is None

    @property
    def month(self) -> float | None:
        return self.choice.usd_per_month if self.choice else None

    @property
    def peak_bytes(self) -> int:
        return int(self.row["peak_rss_bytes"])

    @property
    def cost(self) -> tuple[bool, float, int]:
        """Least for the cheapest: by the month where its price is known, else by RAM."""
        return self.month is None, self.month or 0.0, self.peak_bytes

    def costs_as(self, other: _Offer) -> bool:
        """Whether the server costs the same; without prices, whether the RAM is that of equal runs."""
        if self.month is not None or other.month is not None:
            return self.month == other.month
        return abs(self.peak_bytes - other.peak_bytes) <= EQUAL_RUNS_BYTES

    @property
    def cost_words(self) -> str:
        ram = f"{format_bytes(self.row['peak_rss_bytes'])} of RAM (measured)"
        if self.choice is None or self.choice.server is None or self.month is None:
            return ram
        return f"{format_usd(self.month)} a month ({escape(self.choice.server.instance)}; {ram})"

    @property
    def accuracy_words(self) -> str:
        row = self.row
        share, low, high = share_with_interval(
            row["accuracy_at_1"], row["accuracy_low"], row["accuracy_high"]
        )
        return f"{share} % right ({low} to {high})"


def within_points(records: Iterable[Record]) -> float:
    """Percentage points that the advice of a run allows (``evaluate.advice_points``)."""
    for record in records:
        evaluate = record.config.get("evaluate")
        points = evaluate.get("advice_points") if isinstance(evaluate, dict) else None
        if isinstance(points, int | float):
            return float(points)
    return DEFAULT_POINTS


def advice_text(
    rows: Sequence[Row], *, within_points: float, choices: Mapping[str, Choice] | None = None
) -> str:
    """The advice in words that need no knowledge of methods; empty where fewer than two methods answered.

    Args:
        rows: that compare methods at one size of each data set, together; only those of the first data set
            are looked at.
        within_points: how far below the best accuracy the interval of what is advised may reach up to.
        choices: variant -> server for its serve phase; without one its RAM decides.
    """
    offers = _offers([row for row in rows if row["data"] == rows[0]["data"]], choices or {})
    if len(offers) < 2:
        return ""
    best = max(offers, key=lambda one: float(one.row["accuracy_at_1"]))
    least = best.row["accuracy_at_1"] - within_points / 100
    close = [one for one in offers if one.row["accuracy_high"] >= least]
    cheapest = min(close, key=lambda one: one.cost)
    equal = [one for one in close if one.costs_as(cheapest)]
    taken = max(equal, key=lambda one: float(one.row["accuracy_at_1"]))
    if taken is best:
        said = _best(best, is_alone=len(close) == 1, points=within_points)
    else:
        said = _taken(taken, best, within_points)
    return " ".join(part for part in (said, _no_training(taken, offers), _stopped_early(offers)) if part)


def advice_line(rows: Sequence[Row], *, within_points: float) -> str:
    """The same for a terminal, by RAM."""
    return advice_text(rows, within_points=within_points).replace("**", "").replace("`", "")


def _offers(rows: Sequence[Row], choices: Mapping[str, Choice]) -> list[_Offer]:
    """Every method that answered and whose RAM was measured."""
    fits = {
        (row.get("run"), row["method"]): row
        for row in rows
        if row["phase"] in (Phase.BUILD, Phase.TRAIN) and row["verdict"] == Verdict.MEASURED
    }
    return [
        _Offer(
            row=row,
            fit=fits.get((row.get("run"), row["method"])),
            choice=choices.get(str(row.get("variant", row["method"]))),
        )
        for row in rows
        if row["accuracy_at_1"] is not None and row["peak_rss_bytes"] is not None
    ]


def _best(best: _Offer, *, is_alone: bool, points: float) -> str:
    why = f"it answers best, and no other within {_points(points)} of it costs noticeably less to serve"
    if is_alone:
        why = f"no other method comes within {_points(points)} of it"
    return f"**Advice: {best.name}**: {why}. {best.accuracy_words}, for {best.cost_words}."


def _taken(taken: _Offer, best: _Offer, points: float) -> str:
    behind = best.row["accuracy_at_1"] - taken.row["accuracy_at_1"]
    error = max(one.row["accuracy_high"] - one.row["accuracy_low"] for one in (taken, best)) / 2
    gap = f"{points_text(behind, error).lstrip('+')} points less"
    if taken.row["accuracy_high"] >= best.row["accuracy_low"]:
        gap = "these queries do not tell them apart"
    return (
        f"**Advice: {taken.name}**, the cheapest to serve of those that reach within {_points(points)} of "
        f"the best. {taken.accuracy_words}, for {taken.cost_words}; the best, {best.name}: "
        f"{best.accuracy_words}, for {best.cost_words} ({gap})."
    )


def _no_training(taken: _Offer, offers: Sequence[_Offer]) -> str:
    """What a manager should know: nothing has to be trained."""
    if not taken.is_untrained or all(one.is_untrained for one in offers):
        return ""
    assert taken.fit is not None
    return (
        "You do not need to train a neural network for this: the model is built from the examples in "
        f"{format_seconds(taken.fit['seconds'])} with {format_bytes(taken.fit['peak_rss_bytes'])} of RAM "
        "(measured)."
    )


def _stopped_early(offers: Sequence[_Offer]) -> str:
    """Who may be better than it looks: its time was over before it had seen every example once."""
    parts = [
        f"{one.name} saw {100 * one.fit['examples_seen'] / one.fit['num_examples']:.2g} %"
        for one in offers
        if one.fit is not None and 0 < (one.fit["examples_seen"] or 0) < (one.fit["num_examples"] or 0)
    ]
    if not parts:
        return ""
    return f"Of the training examples {', '.join(parts)} in its time: with more it may be better."


def _points(points: float) -> str:
    return f"{points:g} point{'' if points == 1 else 's'}"
