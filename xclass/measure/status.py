"""Resident memory of one process as the kernel states it, from /proc/PID/status.

psutil reads the total but neither the high-water mark nor the anon/file/shmem split (7.x), and its
``memory_full_info`` walks every page (6-9 ms at 1.2 GB, against about 26 us here), so this is our own reader.

How exact: the kernel keeps these counts per CPU and folds them in batches. From Linux 6.16 on the split is
summed exactly when read, but VmHWM is advanced from the approximate total; see :func:`counter_error_bytes`.

Source: man proc_pid_status(5), proc_pid_clear_refs(5); kernel fs/proc/task_mmu.c ``task_mem``.
"""

from __future__ import annotations

import gc
import os
import re
from dataclasses import dataclass
from types import TracebackType

from xclass.errors import MeasurementError
from xclass.records.memory import MemorySplit
from xclass.units import KIB

_LINES = re.compile(rb"^(VmHWM|VmRSS|RssAnon|RssFile|RssShmem|VmSwap|Threads):\s*(\d+)", re.MULTILINE)
_NEEDED = (b"VmHWM", b"VmRSS", b"RssAnon", b"RssFile", b"RssShmem", b"VmSwap", b"Threads")
# The seven lines stand in the first 1 kB; the long CPU and NUMA masks of big machines come after them.
_READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One reading of /proc/PID/status, all in bytes but the thread count.

    ``peak_rss_bytes`` is VmHWM: since exec, or since :func:`reset_peak`. Huge pages reserved through
    hugetlbfs are in none of these (HugetlbPages is a line of its own); transparent huge pages are in.
    """

    rss_bytes: int
    peak_rss_bytes: int
    anon_bytes: int
    file_bytes: int
    shmem_bytes: int
    swap_bytes: int
    num_threads: int

    def split(self) -> MemorySplit:
        """The part of this reading that a record keeps."""
        return MemorySplit(
            rss_bytes=self.rss_bytes,
            anon_bytes=self.anon_bytes,
            file_bytes=self.file_bytes,
            shmem_bytes=self.shmem_bytes,
            swap_bytes=self.swap_bytes,
        )


class StatusReader:
    """Reads one process again and again through one open file: no path lookup, one pread per sample.

    The open file is tied to that process and not to its number, so a process that took over the number
    later is never read by mistake.
    """

    def __init__(self, pid: int | None = None) -> None:
        """Open the file.

        Args:
            pid: process id; None for this process.

        Raises:
            MeasurementError: no such process, or /proc is hidden.
        """
        self._path = _path(pid, "status")
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise MeasurementError(
                f"{self._path}: {error.strerror}; needs Linux with /proc mounted and a running process"
            ) from error

    def read(self) -> ProcessStatus | None:
        """Read once; None when the process has ended (a zombie has no memory left to read).

        Raises:
            MeasurementError: the kernel does not state the split (older than 4.5, or a sandbox kernel).
        """
        try:
            text = os.pread(self._fd, _READ_BYTES, 0)
        except ProcessLookupError:
            return None
        lines = {key: int(number) for key, number in _LINES.findall(text)}
        if b"VmRSS" not in lines:
            return None
        missing = [key.decode() for key in _NEEDED if key not in lines]
        if missing:
            raise MeasurementError(
                f"{self._path}: no {', '.join(missing)} here; run on a Linux kernel of at least 4.5, "
                "not in a sandbox that imitates one"
            )
        return ProcessStatus(
            rss_bytes=lines[b"VmRSS"] * KIB,
            peak_rss_bytes=lines[b"VmHWM"] * KIB,
            anon_bytes=lines[b"RssAnon"] * KIB,
            file_bytes=lines[b"RssFile"] * KIB,
            shmem_bytes=lines[b"RssShmem"] * KIB,
            swap_bytes=lines[b"VmSwap"] * KIB,
            num_threads=lines[b"Threads"],
        )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> StatusReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_status(pid: int | None = None) -> ProcessStatus:
    """Read one process once.

    Args:
        pid: process id; None for this process.

    Raises:
        MeasurementError: the process does not exist, has ended, or the kernel does not state the split.
    """
    with StatusReader(pid) as reader:
        status = reader.read()
    if status is None:
        raise MeasurementError(f"{_path(pid, 'status')}: the process has ended; read it while it runs")
    return status


def reset_peak(pid: int | None = None) -> None:
    """Set VmHWM back to the present resident size.

    Args:
        pid: process id, of the same user; None for this process.

    Raises:
        MeasurementError: the kernel or the sandbox does not allow it.

    Source: man proc_pid_clear_refs(5), value 5 (Linux 4.0, commit 695f0559, made for "peak RSS per
    benchmark iteration"); 22 us at 1.2 GB.
    """
    path = _path(pid, "clear_refs")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"5")
        finally:
            os.close(fd)
    except OSError as error:
        raise MeasurementError(
            f"{path}: cannot reset the peak ({error.strerror}); "
            "run as the owner of the process, with a writable /proc and outside gVisor-like sandboxes"
        ) from error


def trim_heap() -> None:
    """Collect garbage and hand freed heap pages back to the kernel (glibc; elsewhere only the first).

    Without it a base keeps what imports and warm-up freed: 3200 blocks of 64 kB of which 98 % were freed
    left 207 of 210 MB resident, 4.4 MB after trimming.

    Source: man malloc_trim(3): since glibc 2.8 it returns whole pages of all arenas.
    """
    # Imported late: ctypes must not be part of the interpreter reading taken before any engine import.
    import ctypes

    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def counter_error_bytes() -> int:
    """Largest error of VmHWM on this machine, in bytes: 0.75 MiB on 2 CPUs, up to 384 MiB on 128.

    Each of the three counters (anon, file, shmem) may hold back max(32, 2 * CPUs) pages on every CPU that
    the process has run on. A process pinned to few CPUs comes nowhere near it on a big machine.

    Source: kernel lib/percpu_counter.c ``compute_batch_value``; RHEL-97601 met it in the field.
    """
    num_cpus = os.cpu_count() or 1
    return 3 * num_cpus * max(32, 2 * num_cpus) * os.sysconf("SC_PAGE_SIZE")


def _path(pid: int | None, name: str) -> str:
    return f"/proc/{'self' if pid is None else pid}/{name}"
