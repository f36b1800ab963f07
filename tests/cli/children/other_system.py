"""Commands as on macOS: ``other_system.py MODULE WORD... [-- MODULE WORD...]``; MODULE may be ``-c``.

Everything that Linux alone has is gone: files below /proc and /sys, processor affinity, nameless files, room
taken in advance, page-cache advice, prctl and malloc_trim. Libraries are loaded before and keep their way of
asking the system, for which their builds for macOS have another.
"""

import ctypes
import errno
import importlib
import os
import platform
import runpy
import sys

LIBRARIES = ("psutil", "numpy", "scipy.sparse", "threadpoolctl", "rich.console", "hydra")
GONE = ("sched_getaffinity", "O_TMPFILE", "posix_fallocate", "posix_fadvise", "sched_setaffinity")
LINUX_FUNCTIONS = ("prctl", "malloc_trim")


def is_asked_by_a_library():
    """Whether the nearest code that is not Python's own is a library's, which has another way on macOS."""
    frame = sys._getframe(2)
    while frame is not None:
        place = frame.f_code.co_filename
        if "site-packages" in place:
            return True
        if f"{os.sep}xclass{os.sep}" in place:
            return False
        frame = frame.f_back
    return True


def hide(event, arguments):
    if event not in ("open", "os.listdir", "os.scandir") or not arguments:
        return
    path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else ""
    if path.startswith(("/proc", "/sys/")) and not is_asked_by_a_library():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


class Library(ctypes.CDLL):
    def __getattr__(self, name):
        if name in LINUX_FUNCTIONS:
            raise AttributeError(name)
        return super().__getattr__(name)


def become_other():
    for name in (*LIBRARIES, *os.environ.get("LIBRARIES", "").split()):
        importlib.import_module(name)
    for name in GONE:
        delattr(os, name)
    stat = os.stat

    def stat_elsewhere(path, *arguments, **options):
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(("/proc", "/sys/")):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
        return stat(path, *arguments, **options)

    os.stat = stat_elsewhere
    ctypes.CDLL = Library
    sys.platform = "darwin"
    platform.system = lambda: "Darwin"
    sys.addaudithook(hide)


def run(module, *words):
    """One command; its exit code."""
    sys.argv[:] = [module, *words]
    try:
        if module == "-c":
            exec(compile(words[0], "<program>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code
    return 0


become_other()
commands, current = [], []
for word in [*sys.argv[1:], "--"]:
    if word == "--":
        commands.append(current)
        current = []
    else:
        current.append(word)
sys.exit(next((code for command in commands if (code := run(*command))), 0))
