"""What fits into so much memory and disk, by how much it does not, and the largest size that does.

The run command refuses by it and the plan command tells by it: there is one rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from xclass.classifiers.libraries import missing_library
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import MAX_CLASSES, RunConfig
from xclass.shapes import ProblemShape
from xclass.sizing.plan import PhasePlan, make_shape, plan_method, refusal_of, saved_bytes
from xclass.units import format_bytes, format_count


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What a plan may count on."""

    usable_bytes: int
    """Memory, every reserve already taken off."""
    free_disk_bytes: int
    """Where the models are saved."""
    num_machines: int = 1
    """That the ranks of a head are spread over, each with so much memory; all else runs on one of them."""

    def shortage(self, *, required_bytes: int, disk_bytes: int) -> str | None:
        """What is short, in words; None where both fit."""
        if required_bytes > self.usable_bytes:
            each = " on each machine" if self.num_machines > 1 else ""
            available = f"{format_bytes(self.usable_bytes)} available{each}"
            return f"needs {format_bytes(required_bytes)} of memory, {available}"
        if disk_bytes > self.free_disk_bytes:
            return f"needs {format_bytes(disk_bytes)} of disk, {format_bytes(self.free_disk_bytes)} free"
        return None

    def missing_bytes(self, *, required_bytes: int, disk_bytes: int) -> int:
        """By how much :meth:`shortage` is short."""
        return max(0, required_bytes - self.usable_bytes) or max(0, disk_bytes - self.free_disk_bytes)

    def holds(self, plan: PhasePlan) -> bool:
        """Whether a phase can run."""
        return plan.required_bytes <= self.usable_bytes and plan.disk_bytes <= self.free_disk_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """The largest numbers of classes, to two digits, that one method can have; 0 where no size fits."""

    method: str
    fit_classes: int
    """Trained or built, and saved; as far as the method does not refuse."""
    serve_classes: int
    """Served with every page of the model in memory: as fast as was measured."""
    mapped_classes: int
    """Served at all: pages of mapped files are read again where there is no room for them."""
    most_classes: int
    """What no more can be asked for: the limit of the data, or of xclass."""


def capacity(config: RunConfig, method: str, room: Room) -> Capacity:
    """The inverse of the plan: not how many bytes, but how many classes.

    Args:
        config: the run; its number of classes does not matter.
        method: name of one.
        room: memory and disk.
    """
    most = config.data.most_classes or MAX_CLASSES

    def largest(fits: Callable[[PhasePlan, int], bool], phases: slice, *, is_fitted: bool = False) -> int:
        def holds(num_classes: int) -> bool:
            shape = make_shape(config, num_classes)
            if is_fitted and refusal_of(config, method, shape) is not None:
                return False
            saved = saved_bytes(config, method, shape)
            plans = plan_method(config, method, shape, num_machines=room.num_machines)
            return all(fits(plan, saved) for plan in plans[phases])

        return largest_that_fits(holds, most)

    def is_served(plan: PhasePlan, saved: int) -> bool:
        return plan.required_bytes <= room.usable_bytes and saved <= room.free_disk_bytes

    return Capacity(
        method=method,
        fit_classes=largest(lambda plan, _: room.holds(plan), slice(1), is_fitted=True),
        serve_classes=largest(
            lambda plan, saved: is_served(plan, saved) and plan.peak_bytes <= room.usable_bytes,
            slice(1, None),
        ),
        mapped_classes=largest(is_served, slice(1, None)),
        most_classes=most,
    )


def explain_misfit(config: RunConfig, plan: PhasePlan, shape: ProblemShape, room: Room) -> str | None:
    """Why a phase cannot run here and what could instead; None where it fits.

    Args:
        config: the run.
        plan: of the phase in question.
        shape: of the problem.
        room: memory and disk.
    """
    short = refusal_of(config, plan.method, shape) or room.shortage(
        required_bytes=plan.required_bytes, disk_bytes=plan.disk_bytes
    )
    return None if short is None else f"does not fit: {short}; {advise(config, plan.method, shape, room)}"


def advise(config: RunConfig, method: str, shape: ProblemShape, room: Room) -> str:
    """What could run instead of a method that does not fit: fewer classes, or another method."""

    def fits(name: str, candidate: ProblemShape) -> bool:
        if refusal_of(config, name, candidate) is not None:
            return False
        plans = plan_method(config, name, candidate, num_machines=room.num_machines)
        return all(room.holds(plan) for plan in plans)

    def of_size(num_classes: int) -> ProblemShape:
        """As many examples per class as here."""
        num_examples = round(shape.num_examples * num_classes / shape.num_classes)
        return replace(shape, num_classes=num_classes, num_examples=num_examples)

    largest = largest_that_fits(lambda classes: fits(method, of_size(classes)))
    others = [name for name in METHOD_CONFIGS if name != method and not missing_library(name)]
    others = [name for name in others if fits(name, shape)]
    advice = (
        f"this method fits up to {format_count(largest)} classes here" if largest else "no size fits here"
    )
    if others:
        advice += f"; at {format_count(shape.num_classes)} classes these fit: {', '.join(others)}"
    return advice


def largest_that_fits(fits: Callable[[int], bool], upper: int = MAX_CLASSES) -> int:
    """The largest number of classes for which ``fits`` holds, to two digits; 0 where none does.

    Args:
        fits: of a number of classes; what holds for one holds for every smaller one.
        upper: the largest to try; it is given back whole where it fits.
    """
    if fits(upper):
        return upper
    low, high = 0, upper
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    scale: int = 10 ** max(0, len(str(low)) - 2)
    return low // scale * scale
