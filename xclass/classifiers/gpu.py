"""The GPU as torch sees it: is there one, and how much of its memory was taken."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from xclass.classifiers.device import Device
from xclass.errors import ConfigError

_PROBE = "import torch; torch.zeros(1, device='cuda'); print(torch.cuda.get_device_name())"
_PROBE_SECONDS = 120.0


def check_device(device: Device) -> None:
    """Refuse ``device=cuda`` where torch cannot use one.

    Asked in a process of its own: this one is to stay free of torch, and of a GPU context.

    Raises:
        ConfigError: no usable GPU, with what torch says.
    """
    if device is Device.cpu:
        return
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
        why = (done.stderr.strip().splitlines() or ["no answer"])[-1] if done.returncode else None
    except subprocess.TimeoutExpired:
        why = f"no answer within {_PROBE_SECONDS:.0f} s"
    if why is not None:
        raise ConfigError(
            "device",
            device.value,
            allowed=f"cpu on this machine; torch says: {why}",
            remedy="use device=cpu, or a machine with an NVIDIA GPU and a CUDA build of torch",
        )


class GpuMeter:
    """Peaks of torch's allocator on one device, from when this is made; nothing on the CPU."""

    def __init__(self, device: Device) -> None:
        """Forget the peaks so far."""
        self._is_gpu = device is not Device.cpu
        if self._is_gpu:
            import torch

            torch.cuda.reset_peak_memory_stats()

    def facts(self, predicted_bytes: int) -> dict[str, Any]:
        """What goes into the record, ``{}`` on the CPU.

        Args:
            predicted_bytes: closed form of what the GPU holds.

        Returns:
            ``{"gpu": {...}}``: name, its memory, peaks of allocated and reserved bytes, and what the whole
            device had taken at the end, with the context and other processes.
        """
        if not self._is_gpu:
            return {}
        import torch

        free_bytes, total_bytes = torch.cuda.mem_get_info()
        reading = {
            "name": torch.cuda.get_device_name(),
            "total_bytes": total_bytes,
            "predicted_bytes": predicted_bytes,
            "peak_allocated_bytes": torch.cuda.max_memory_allocated(),
            "peak_reserved_bytes": torch.cuda.max_memory_reserved(),
            "taken_at_end_bytes": total_bytes - free_bytes,
        }
        return {"gpu": reading}
