"""C compiled for this processor at first use and kept in the user's cache; loads neither torch nor numpy."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

_FLAGS = (
    "-std=c11", "-O3", "-march=native", "-shared", "-fPIC", "-ffp-contract=fast",
    # Neither errno nor floating-point traps are looked at; each keeps compilers from making vectors.
    "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip
_WIDE_FLAG = "-mprefer-vector-width=512"
_COMPILE_SECONDS = 120


class CompileError(Exception):
    """The kernels cannot be compiled or loaded here; the message says why."""


def _default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "xclass"


def load_library(sources: tuple[str, ...], cache: Path | None = None) -> ctypes.CDLL:
    """Open the compiled file for these sources, this compiler and this processor; compile it if need be.

    Args:
        sources: files of this folder; the first is compiled and includes the others.
        cache: folder of the compiled file; None: ``$XDG_CACHE_HOME/xclass`` or ``~/.cache/xclass``.

    Raises:
        CompileError: no compiler, or one that cannot compile this.
    """
    cache = cache or _default_cache()
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if compiler is None:
        raise CompileError("no C compiler (cc, gcc or clang) on the PATH")
    folder = Path(__file__).parent
    text = b"".join((folder / name).read_bytes() for name in sources)
    wide = [_WIDE_FLAG] if platform.machine() == "x86_64" else []
    flags = [*_FLAGS, *wide]
    facts = repr((compiler, Path(compiler).stat().st_mtime_ns, flags, _processor())).encode()
    target = cache / f"{Path(sources[0]).stem}-{hashlib.sha256(text + facts).hexdigest()[:16]}.so"
    try:
        if not target.is_file():
            _compile([compiler, *flags, str(folder / sources[0]), "-lm"], target)
        return ctypes.CDLL(str(target))
    except OSError as error:
        raise CompileError(f"{target}: {error}") from error


def _compile(command: list[str], target: Path) -> None:
    """Compile into a file that appears whole or not at all: other children may be at the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        try:
            subprocess.run(
                [*command, "-o", str(made)], check=True, capture_output=True, text=True,
                timeout=_COMPILE_SECONDS,
            )  # fmt: skip
        except subprocess.SubprocessError as error:
            reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
            raise CompileError(f"{command[0]}: {''.join(reason)}") from error
        made.replace(target)


def _processor() -> str:
    """What ``-march=native`` depends on: a home folder may be shared by machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    kept = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(kept)}))
