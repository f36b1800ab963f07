"""A child among others: it waits until there is room beside them, and its records say who they were."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from xclass.errors import CrowdedError, MeasurementError
from xclass.measure.conditions import machine_conditions
from xclass.measure.limits import AvailableMemory, available_memory
from xclass.measure.neighbours import Crowd, Place, memory_without, running_children
from xclass.measure.register import Claim, State, Stay
from xclass.measure.timeline import TimelineSampler
from xclass.records.neighbours import (
    MOST_LISTED,
    NEIGHBOURS,
    NEIGHBOURS_FAILURE,
    Neighbour,
    name_neighbours,
)
from xclass.records.record import Verdict
from xclass.run import interrupts
from xclass.run.launcher import ChildResult
from xclass.run.progress import ProgressSink
from xclass.run.spec import ChildSpec
from xclass.units import format_bytes, format_seconds

CROWDED = "does_not_fit"
"""Kind of the error of a child that never had its turn."""
_LOOK_SECONDS = 1.0

WaitCallback = Callable[[str], None]


class ChildPlace:
    """A child's place among others; :func:`place_for` makes it."""

    def __init__(self, place: Place | None, failure: str | None) -> None:
        """Take what was got.

        Args:
            place: taken; None where the register cannot be kept.
            failure: why, in that case.
        """
        self._place = place
        self._failure = failure
        self._conditions = machine_conditions()

    def close(self, result: ChildResult) -> None:
        """Give the place back and note in the result what the child met."""
        result.ended_at = time.monotonic()
        if self._place is not None:
            try:
                result.neighbours = self._place.leave()
            except MeasurementError as error:
                self._failure = str(error)
        failure = {NEIGHBOURS_FAILURE: self._failure} if self._failure else {}
        result.conditions = self._conditions | failure


@contextmanager
def place_for(
    spec: ChildSpec, required_bytes: int, on_wait: WaitCallback = lambda what: None
) -> Iterator[ChildPlace]:
    """Wait until a child's planned bytes fit beside what the other children of this machine will take.

    A measurement is not lost because the register cannot be kept: its conditions say why nobody looked.

    Args:
        spec: of the child.
        required_bytes: reserved until the end of the block; 0 for what has no plan.
        on_wait: called about every second while it waits, with whom it waits for.

    Yields:
        The place, to be closed when the child has ended.

    Raises:
        CrowdedError: the others left no room for ``measure.wait_minutes``.
        KeyboardInterrupt: while it waited.
    """
    measure = spec.run_config().measure
    claim = Claim(
        run_dir=spec.run_dir,
        method=spec.method,
        phases=", ".join(spec.phases),
        required_bytes=required_bytes,
        reserve_share=measure.reserve_share,
    )
    with ExitStack() as stack:
        place, failure = None, None
        try:
            place = stack.enter_context(Place(claim))
            _wait(place, claim, 60 * measure.wait_minutes, on_wait)
        except MeasurementError as error:
            place, failure = None, str(error)
        yield ChildPlace(place, failure)


def run_among(
    spec: ChildSpec, run: Callable[[], ChildResult], *, required_bytes: int, progress: ProgressSink
) -> ChildResult:
    """Run a child in its place among others: see :func:`place_for`.

    Args:
        spec: of the child.
        run: starts it and waits for its end.
        required_bytes: planned.
        progress: where it is shown that it waits, or never had its turn.

    Returns:
        Of the child; one that never had its turn has an ``error`` of the kind :data:`CROWDED`.

    Raises:
        KeyboardInterrupt: while it waited.
    """
    try:
        with place_for(spec, required_bytes, progress.wait) as place:
            result = run()
            place.close(result)
            return result
    except CrowdedError as error:
        progress.begin(spec.method, spec.phases[0], spec.note)
        progress.end(Verdict.DOES_NOT_FIT, str(error))
        return ChildResult(
            command=[],
            error={"kind": CROWDED, "message": str(error)},
            sampler=TimelineSampler(os.getpid()),
            conditions=machine_conditions(),
            ended_at=time.monotonic(),
        )


def conditions_of(phase: str, result: ChildResult) -> dict[str, Any]:
    """What a phase met: the machine when its child was started, and who ran beside it for how long.

    A phase that never began had the time of the whole child.
    """
    if NEIGHBOURS_FAILURE in result.conditions or not result.conditions:
        return dict(result.conditions)
    begin = result.phase_begins.get(phase, result.ended_at)
    seconds = result.outcomes.get(phase, {}).get("seconds")
    end = begin + seconds if seconds is not None else result.ended_at
    found = [one.to_json() for one in _met(result.neighbours, begin, max(end, begin + 1e-6))]
    return result.conditions | {NEIGHBOURS: found[:MOST_LISTED]}


def memory_alone() -> AvailableMemory:
    """What a child could have if no other measured child ran: what does not fit in it never will, here.

    Raises:
        MeasurementError: the available memory cannot be read.
    """
    try:
        return memory_without(running_children())
    except MeasurementError:
        return available_memory()


def company_words() -> str:
    """Which measured children run on this machine now, as the rest of a sentence; empty where none does."""
    try:
        running = running_children()
    except MeasurementError:
        return ""
    return f"; beside {_names(running)}" if running else ""


def _wait(place: Place, claim: Claim, limit_seconds: float, on_wait: WaitCallback) -> None:
    """Until the place is taken."""
    begun = time.monotonic()
    while (crowd := place.take()) is not None:
        waited = time.monotonic() - begun
        if waited >= limit_seconds:
            raise CrowdedError(_explain(crowd, claim, waited))
        on_wait(f"waiting for memory held by {_names(crowd.others)}")
        with interrupts.let_through():
            time.sleep(min(_LOOK_SECONDS, limit_seconds - waited))


def _explain(crowd: Crowd, claim: Claim, waited: float) -> str:
    names = _names(crowd.others)
    is_turn = crowd.others[0].state is State.WAITING
    short = "its turn comes after" if is_turn else f"{format_bytes(crowd.usable_bytes)} available beside"
    return (
        f"does not fit beside others: needs {format_bytes(claim.required_bytes)} of memory, {short} {names}"
        + (f"; waited {format_seconds(waited)}" if waited >= _LOOK_SECONDS else "")
        + "; start it when they have ended, or let it wait longer (measure.wait_minutes)"
    )


def _names(stays: Sequence[Stay]) -> str:
    return name_neighbours([_neighbour(stay.claim, 0.0) for stay in stays])


def _met(stays: Sequence[Stay], begin: float, end: float) -> list[Neighbour]:
    """Those that ran in a window, children of one run and method doing the same counted together."""
    shares: dict[tuple[str, str, str], float] = {}
    largest: dict[tuple[str, str, str], Claim] = {}
    for stay in stays:
        overlap = min(stay.end, end) - max(stay.begin, begin)
        if overlap <= 0:
            continue
        claim = stay.claim
        key = (claim.run_dir, claim.method, claim.phases)
        shares[key] = min(1.0, shares.get(key, 0.0) + overlap / (end - begin))
        if key not in largest or claim.required_bytes > largest[key].required_bytes:
            largest[key] = claim
    met = [_neighbour(largest[key], share) for key, share in shares.items()]
    return sorted(met, key=lambda one: -one.share)


def _neighbour(claim: Claim, share: float) -> Neighbour:
    return Neighbour(
        run_dir=claim.run_dir,
        method=claim.method,
        phases=claim.phases,
        reserved_bytes=claim.required_bytes,
        share=round(share, 4),
    )
