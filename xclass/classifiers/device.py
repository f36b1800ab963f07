"""Where softmax heads take their steps, and what that leaves to the host. Standard library only."""

from __future__ import annotations

from enum import StrEnum

from xclass.shapes import MemoryLaw, Regime


class Device(StrEnum):
    """Where class vectors live while they are trained."""

    cpu = "cpu"
    cuda = "cuda"
    """The first NVIDIA GPU that the process sees; choose another one with CUDA_VISIBLE_DEVICES."""


def law_on(device: Device, law: MemoryLaw, starting: Regime, saving: Regime) -> MemoryLaw:
    """The host's part of a law.

    On a GPU the class vectors are started in the host's memory, moved, and brought back to be saved: between
    the two the host holds nothing that grows. What the GPU needs is the law itself.

    Args:
        device: of the steps.
        law: of the same steps, wherever they run.
        starting: regime of starting the class vectors.
        saving: regime of writing them.
    """
    return law if device is Device.cpu else MemoryLaw(regimes=(starting, saving))
