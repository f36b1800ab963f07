"""Time of methods that learn in one go: their work, and the refusal of what would take too long.

Standard library only.
"""

from __future__ import annotations

from xclass.classifiers.work import Work
from xclass.errors import check_range
from xclass.units import format_count, format_seconds

MAX_HOURS = 4.0
"""As measure.timeout_minutes is by default, after which a child is killed."""


def learn_work(num_examples: int, amount: float, form: str) -> Work:
    """Learning the whole model, reading the examples included.

    Args:
        num_examples: N.
        amount: what its seconds are proportional to.
        form: the same in words.
    """
    return Work(meaning=f"learning from {format_count(num_examples)} examples", amount=amount, form=form)


def too_long(method: str, work: Work, seconds_per_work: float, max_hours: float) -> str | None:
    """Why a size would take too long, as a predicate; None where it would not.

    Args:
        method: its name.
        work: of learning.
        seconds_per_work: as measured; another machine is not days faster.
        max_hours: what is borne.
    """
    seconds = work.amount * seconds_per_work
    if seconds <= 3600 * max_hours:
        return None
    return (
        f"takes about {format_seconds(seconds)} to learn, {work.form} ({work.amount:.2g} x "
        f"{seconds_per_work:.2g} s), and method.{method}.max_hours={max_hours:g} is the most"
    )


def check_setting(method: str, key: str, value: float, low: float, high: float, default: float) -> None:
    """Refuse a setting of a library's method that is not a number between two others.

    Raises:
        ConfigError: naming key, value, allowed range and remedy.
    """
    allowed, remedy = f"{low:g} to {high:g}", f"{default:g} is the default"
    check_range(f"method.{method}.{key}", value, low, high, allowed=allowed, remedy=remedy)
