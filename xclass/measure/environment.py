"""The variables that make a child's memory a function of its work: allocator and threads.

With stock glibc the same program peaks 434 MB over its base at 130 k classes and 217 MB at 140 k, and a line
fitted on small sizes misses a large one by 138 %; with these variables it is 201 and 217 MB, and 0.04 %.
They take effect only when a process starts, hence a dictionary for the exec of a child.

Always:

- ``OMP_NUM_THREADS``, ``MKL_NUM_THREADS``, ``OPENBLAS_NUM_THREADS``: the three pools of torch, faiss and
  numpy. Each thread costs a stack and scratch memory, so the count belongs to the measurement.
- ``PYTHONHASHSEED=0``: the size of sets and dictionaries of strings no longer depends on chance.

With ``pinned``:

- ``MALLOC_MMAP_THRESHOLD_=131072``: blocks from 128 KiB on are mapped on their own and go back to the
  kernel when freed. Unset, the threshold grows to the largest block freed so far, up to 32 MiB, and freed
  tensors below it stay resident. Setting it also stops the trim threshold from growing, which therefore
  stays at 128 KiB and needs no variable. Source: man mallopt(3), M_MMAP_THRESHOLD.
- ``MALLOC_ARENA_MAX=1``: one heap for all threads. Unset, up to 8 per core, and what one thread freed in
  its own heap is of no use to another: eight threads that in turn used 21 MB of 60 kB blocks and kept
  2 % peaked at 154 MiB, with 4 heaps 86, 2 heaps 52, one heap 36 (glibc 2.36, 2 cores), so the number
  would depend on cores. Price measured on 2 cores: none for an HNSW build (1.1 s against 1.3 s) nor for
  8 threads of blocks up to 120 kB. Source: man mallopt(3), M_ARENA_MAX.
- ``NUMPY_MADVISE_HUGEPAGE=0``: else touching 96 bytes of a 200 MB array makes 197 MB resident.
  Source: NumPy manual, global state.

Not set: ``OMP_WAIT_POLICY`` (no difference in latency of faiss beyond noise on 2 cores; torch, faiss and
numpy wheels carry libgomp or OpenBLAS threads, so ``KMP_BLOCKTIME`` has no reader).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from xclass.errors import ConfigError

_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_ARENA_MAX": "1",
    "NUMPY_MADVISE_HUGEPAGE": "0",
}
_OTHER_ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc")


def pinned_environment(
    threads: int, allocator: str, inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Variables to lay over the child's environment.

    What each does is said at the top of this module.

    Args:
        threads: at least 1.
        allocator: ``pinned``, or ``system`` to leave the allocator as the user's environment has it.
        inherited: environment that the child will inherit; None is this process's own.

    Returns:
        Only the variables to set; the launcher lays them over what the child inherits.

    Raises:
        ConfigError: unknown allocator, no thread, or an inherited variable that would undo the pinning.
    """
    if threads < 1:
        raise ConfigError("threads", threads, allowed="a whole number of at least 1", remedy="try threads=1")
    if allocator not in ("pinned", "system"):
        raise ConfigError(
            "measure.allocator", allocator, allowed="pinned or system", remedy="use measure.allocator=pinned"
        )
    variables = {**thread_variables(threads), "PYTHONHASHSEED": "0"}
    if allocator == "system":
        return variables
    _refuse_other_allocator(os.environ if inherited is None else inherited)
    return {**variables, **_ALLOCATOR}


def thread_variables(threads: int) -> dict[str, str]:
    """Sizes of the three pools of threads: of torch, faiss and numpy."""
    return {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def _refuse_other_allocator(inherited: Mapping[str, str]) -> None:
    # Both win over MALLOC_* without a word (measured, glibc 2.36: 50 freed MB stayed), and the
    # kink would be back in the numbers.
    preload, tunables = inherited.get("LD_PRELOAD", ""), inherited.get("GLIBC_TUNABLES", "")
    if any(name in preload for name in _OTHER_ALLOCATORS):
        raise ConfigError(
            "LD_PRELOAD",
            preload,
            allowed="no other allocator while measure.allocator=pinned",
            remedy="unset LD_PRELOAD, or measure with measure.allocator=system",
        )
    if "glibc.malloc." in tunables:
        raise ConfigError(
            "GLIBC_TUNABLES",
            tunables,
            allowed="no glibc.malloc tunable while measure.allocator=pinned",
            remedy="unset GLIBC_TUNABLES, or measure with measure.allocator=system",
        )
