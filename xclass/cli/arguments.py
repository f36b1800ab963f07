"""The words of the command sorted into Hydra's flags and overrides, in whatever order they were typed.

Stock Hydra takes ``dim=8 -m classes=1e3,1e4`` for a mistake and answers one with its whole usage text.
"""

from __future__ import annotations

from argparse import Namespace
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from xclass.errors import ConfigError

_MODES = {
    "run": "--run",
    "multirun": "--multirun",
    "cfg": "--cfg",
    "info": "--info",
    "shell_completion": "--shell-completion",
}
_FIXED = {"config_name": "--config-name", "config_path": "--config-path"}


def parse_arguments(words: list[str]) -> tuple[Namespace, list[str]]:
    """Read the words with Hydra's own parser.

    Args:
        words: after :func:`xclass.cli.overrides.normalise_overrides`.

    Returns:
        What was asked for (``overrides``, ``multirun``, ``cfg``, ...), and the same words in an order that
        Hydra understands: overrides, then flags.

    Raises:
        ConfigError: an unknown flag, or flags that exclude each other.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args(words)
    modes = [flag for name, flag in _MODES.items() if getattr(arguments, name)]
    if len(modes) > 1:
        _refuse(f"{' and '.join(modes)} exclude each other")
    if arguments.resolve and not arguments.cfg:
        _refuse("--resolve goes with --cfg")
    for name, flag in _FIXED.items():
        if getattr(arguments, name):
            _refuse(f"{flag}: xclass has one configuration; --config-dir=FOLDER adds experiments to it")
    flags = list(words)
    for word in arguments.overrides:
        flags.remove(word)
    return arguments, [*arguments.overrides, *flags]


def _refuse(message: str) -> NoReturn:
    raise ConfigError(
        "command line",
        message,
        allowed="-m, --cfg job, --info, --hydra-help and key=value words",
        remedy="see python -m xclass --help",
    )
