"""From where to where: the dense linear model that people start from, beside what was measured here."""

from __future__ import annotations

from xclass.projection.result import ProjectedPhase
from xclass.records.record import Phase
from xclass.report.page.servers_section import choice_of, month_text, server_text
from xclass.report.page.study import PURPOSES, Study
from xclass.report.rows import shown_variant
from xclass.report.text import code, table
from xclass.sizing.choice import Choice
from xclass.sizing.naive import Naive, naive
from xclass.units import format_count, format_decimal_bytes


def naive_section(study: Study, variant: str | None) -> str:
    """The two side by side, each with its server; empty where the variant is not known.

    Args:
        study: gives the size and the catalogue.
        variant: which of ours, at the size that was asked about, else at its largest measured one.
    """
    if variant not in study.configs:
        return ""
    phases = [phase for phase in _phases(study, variant) if phase.phase in PURPOSES]
    config, method = study.configs[variant]
    baseline = naive(
        phases[0].classes,
        study.hardware,
        num_features=study.num_features,
        num_examples=config.data.num_train(phases[0].classes),
    )
    name = shown_variant({"variant": variant, "method": method, "data": config.data.name})
    headers = ["RAM", "dense linear model (predicted)", f"{code(name)} ({phases[0].basis})", "less by"]
    headers += ["server of the dense linear model", "server of ours"]
    rows = [_row(baseline, phase, study) for phase in phases]
    count, features = format_count(baseline.num_classes), format_count(baseline.num_features)
    note = (
        f"The dense linear model has one float32 weight for each of {count} classes and {features} features "
        "(`features=` sets their number); training adds the gradient and two moments of Adam. Its examples "
        f"as one dense matrix would be another {format_decimal_bytes(baseline.data_bytes)} of disk. "
        "Of it only this arithmetic is known: it was not run. "
        f"{_ours(getattr(config.method, method).takes, phases[0].dim)} GB are powers of 1000 here."
    )
    shown = table(headers, rows, num_text_columns=1, text_columns=tuple(headers[4:]))
    return f"{shown}\n\n{note}"


def _ours(takes: str, dim: int) -> str:
    """What stands in the place of the dense weights."""
    if takes == "vectors":
        return (
            f"Ours has {dim} numbers per class in place of the features: that the accuracy stays good enough "
            "with them is for your data to show."
        )
    return "Ours keeps of the features what its training examples have, and no zero."


def _phases(study: Study, variant: str) -> list[ProjectedPhase]:
    asked = study.asked[variant] if study.changes else None
    return asked if isinstance(asked, list) else study.measured[variant]


def _row(baseline: Naive, phase: ProjectedPhase, study: Study) -> list[str]:
    is_serving = phase.phase is Phase.SERVE
    needed = baseline.weights_bytes if is_serving else baseline.training_bytes
    choice = baseline.serving if is_serving else baseline.training
    return [
        f"to {phase.phase}",
        format_decimal_bytes(needed),
        format_decimal_bytes(phase.peak.value),
        _less_by(needed / phase.peak.value),
        _rented(choice),
        _rented(choice_of(study.hardware, phase)),
    ]


def _less_by(times: float) -> str:
    """How often ours fits into the other; of few classes the base of any program is more than the weights."""
    return f"**{times:,.{0 if times >= 10 else 1}f} times**" if times > 1 else "not less"


def _rented(choice: Choice) -> str:
    month = month_text(choice)
    return server_text(choice) + ("" if month == "-" else f": {month}")
