"""What importing an engine takes, measured: the part of every peak that no closed form explains."""

from __future__ import annotations

from xclass.shapes import MAPPED
from xclass.units import MIB

BASE_BYTES = {
    "torch": 245 * MIB,
    "faiss": 64 * MIB,
    "scipy": 53 * MIB,
    "numpy": 37 * MIB,
    "sklearn": 126 * MIB,
    "lightgbm": 128 * MIB,
    "omikuji": 57 * MIB,
    "napkinxc": 58 * MIB,
}
"""Resident bytes after an engine was imported and warmed up, encoder and data code included.

Source: benchmarks/records/synthetic_5e6 on Linux x86-64, CPython 3.11, torch 2.13 CPU, faiss-cpu 1.15. Other
builds differ by tens of MiB; the measured base stands beside it in every report.
"""
IMPORTED_BYTES = {"dense_softmax_autograd": 66 * MIB}
"""Of a method's base, what it imports beside its engine: ``torch.optim`` takes torch._dynamo and sympy along.

Source: bases of 311 to 316 MiB beside 245 to 250 of the other methods in benchmarks/records/measure/ledger
and benchmarks/records/projection.
"""
IMPORT_OVER_BASE_BYTES = {
    "torch": 6 * MIB,
    "faiss": 17 * MIB,
    "scipy": MIB,
    "numpy": MIB,
    "sklearn": MIB,
    "lightgbm": MIB,
    "omikuji": MIB,
    "napkinxc": MIB,
}
"""What importing an engine takes for a moment over the base that stays of it.

So a process that serves a small model needs most before it has opened it. Source: ``python -m xclass.prove
RUN minimum=true`` found 84.7 MB as the least cap for a small model whose serve phase had peaked at 76.0 MB:
importing held 53 MB of anonymous memory, serving 38. A bare import and warm-up has its VmHWM 17 MB (faiss)
and 6 MB (torch) over what is resident after it; same machine as BASE_BYTES.
"""
PROGRAM_CODE = f"program code{MAPPED}"
"""Name of the component."""
OPENING_CODE_BYTES, ANSWERING_CODE_BYTES = MIB, 2 * MIB
"""Pages of libraries that run first when a model is opened, and when it answers: the most that were seen."""
FITTING_CODE_BYTES = {
    "torch": 3 * MIB // 2,
    "faiss": 2 * MIB,
    "scipy": 2 * MIB,
    "numpy": MIB,
    "sklearn": MIB,
    "lightgbm": MIB,
    "omikuji": MIB,
    "napkinxc": 5 * MIB // 2,
}
"""The same while fitting; warming up has run the rest.

Source: growth of RssFile in benchmarks/records/measure/ledger and benchmarks/records/projection: torch 1.5 to
1.6 MB, with bfloat16 up to 2.4 MB.
"""
GLOO_BYTES = 4 * MIB
"""What a rank adds to its base: pages of code of torch.distributed and gloo, the same with 1, 2 and 4 ranks.

Source: RssFile before and after ``init_process_group``, one sum and one gather; torch 2.13 CPU, Linux x86-64.
"""
AGENT_BYTES = 222 * MIB
"""Of torchrun's own process, one for each machine: it imports torch and then waits for its ranks.

Source: its VmHWM, the same with 1, 2 and 4 ranks: 226.5 to 226.8 thousand KiB; as above.
"""
