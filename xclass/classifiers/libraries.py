"""Libraries that a plain installation lacks, and which method needs one. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.errors import ConfigError


def missing_library(method: str) -> str | None:
    """In words what a method lacks here and what installs it; None where it can run.

    Found without being imported: a launcher stays thin, and a record is read without what made it.
    """
    config = METHOD_CONFIGS[method]
    missing = [name for name in config.libraries if find_spec(name) is None]
    if not missing:
        return None
    return f"{' and '.join(missing)}, not installed here: pip install 'xclass[{config.extra}]'"


def check_libraries(methods: Iterable[str]) -> None:
    """Refuse a run of a method whose library is missing, before anything runs.

    Raises:
        ConfigError: naming the method, the library and the extra that installs it.
    """
    for method in methods:
        if missing := missing_library(method):
            library, _, command = missing.partition(": ")
            raise ConfigError(
                "methods",
                method,
                allowed=f"a method whose library is there; {method} needs {library}",
                remedy=command,
            )
