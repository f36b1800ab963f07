"""What does not fit on this machine, made ready for several: a spec, and the line that each of them runs."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

from xclass.run.spec import ChildSpec
from xclass.shapes import ProblemShape


def offer_other_machines(spec: ChildSpec, shape: ProblemShape) -> str:
    """Write the spec of a fit in several ranks that is not started here.

    Args:
        spec: of the fit; its folders must be ones that all machines see.
        shape: of the problem.

    Returns:
        Words to put behind why it is not started; empty where it is a fit in one process.
    """
    if spec.num_ranks == 1:
        return ""
    spec.shape = asdict(shape)
    path = Path(spec.run_dir) / "specs" / f"{spec.name}.json"
    spec.write(path)
    line = f"torchrun --nnodes N --nproc-per-node R -m xclass.run.worker {shlex.quote(str(path))}"
    return f"; on N machines with R ranks each, {spec.num_ranks} in all: {line}"
