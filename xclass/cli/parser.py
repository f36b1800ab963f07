"""What the smaller commands share: mistakes are one line, as everywhere in xclass."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from xclass.errors import ConfigError


class OneLineParser(argparse.ArgumentParser):
    """Raises a mistake as one line instead of printing the whole usage."""

    def __init__(self, *, allowed: str, **options: Any) -> None:
        """Take argparse's options, and in words what the command line may hold."""
        super().__init__(**options)
        self._allowed = allowed

    def error(self, message: str) -> NoReturn:
        """Raise what every other mistake raises.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("command line", message, allowed=self._allowed, remedy="see --help")


def complain(message: object) -> None:
    """Say one line on standard error."""
    sys.stderr.write(f"xclass: {' '.join(str(message).splitlines())}\n")
