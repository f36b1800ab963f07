"""Whether this machine can measure, asked before anything else: elsewhere one line says what works there."""

from __future__ import annotations

import platform
from pathlib import Path

from xclass.errors import MeasurementError

_WORKS_EVERYWHERE = (
    "what works here: python -m xclass.plan, .project, .report, .compare, .amend, .merge, .seal, .serve, "
    ".demo, and the estimators"
)


def check_can_measure(proc: Path = Path("/proc")) -> None:
    """Refuse to measure where the kernel keeps no high-water mark that can be reset.

    Args:
        proc: where procfs is mounted; another folder only in tests.

    Raises:
        MeasurementError: this is another system than Linux, or a sandbox without these files.
    """
    # VmHWM is read from the one and set back through the other: see xclass.measure.status.
    missing = [name for name in ("status", "clear_refs") if not (proc / "self" / name).exists()]
    if missing:
        raise MeasurementError(
            f"measuring needs Linux and its {proc}/self/{missing[0]}, which this {platform.system()} lacks: "
            f"measure in a Linux container or virtual machine; {_WORKS_EVERYWHERE}"
        )
