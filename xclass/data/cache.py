"""Where prepared data lies. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path

from xclass.errors import ConfigError


def check_cache(cache: str | None) -> None:
    """Refuse a name of nothing.

    Raises:
        ConfigError: naming ``data.cache``.
    """
    if cache is not None and not cache.strip():
        raise ConfigError(
            "data.cache",
            repr(cache),
            allowed="the path of a folder",
            remedy="omit it to use ~/.cache/xclass",
        )


def cache_folder(cache: str | None) -> Path:
    """The cache folder as an absolute path; it need not exist.

    Args:
        cache: ``data.cache``; None: ``$XDG_CACHE_HOME/xclass``, else ``~/.cache/xclass``.
    """
    if cache is not None:
        return Path(cache).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is invalid and must be ignored.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "xclass"
