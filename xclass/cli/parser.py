"""What the smaller commands share: mistakes are one line, as everywhere in xclass."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from xclass.errors import ConfigError, XclassError
from xclass.report.text import clean, plain_text

EXIT_FAILED, EXIT_USAGE, EXIT_DOES_NOT_FIT, EXIT_INTERRUPTED = 1, 2, 3, 130


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
    """Say one line on standard error, without control characters of what was typed or read."""
    sys.stderr.write(f"xclass: {clean(' '.join(str(message).splitlines()))}\n")


def say(text: str) -> None:
    """Write lines on standard output, without control characters of what was typed or read."""
    sys.stdout.write(f"{plain_text(text)}\n")
    sys.stdout.flush()


def is_folder(word: str) -> bool:
    """Whether a word of the command line is the name of a folder that is there, whatever was typed."""
    try:
        return Path(word).is_dir()
    except (OSError, ValueError):  # longer than a name can be
        return False


def run_words(
    work: Callable[[list[str]], int], help_text: str, *, disk_remedy: str, interrupted: str
) -> NoReturn:
    """:func:`run_command` for a command of ``key=value`` words: asked for help, it only gives it.

    Args:
        work: gives the exit code for the words that were typed.
        help_text: of the command.
        disk_remedy: what to do where a file cannot be written.
        interrupted: what Ctrl-C or a termination leaves.
    """
    words = sys.argv[1:]
    if "--help" in words or "-h" in words:
        sys.stdout.write(help_text)
        sys.exit(0)
    run_command(lambda: work(words), disk_remedy=disk_remedy, interrupted=interrupted)


def run_command(work: Callable[[], int], *, disk_remedy: str, interrupted: str) -> NoReturn:
    """Do what a command is for and end with its exit code; whatever it raises on purpose is one line.

    Args:
        work: gives the exit code.
        disk_remedy: what to do where a file cannot be written.
        interrupted: what Ctrl-C or a termination leaves.
    """
    # A terminated command (kill, a batch system's time limit) clears away like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(work())
    except ConfigError as error:
        complain(error)
        sys.exit(EXIT_USAGE)
    except XclassError as error:
        complain(error)
        sys.exit(EXIT_FAILED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        complain(f"{place}{error.strerror or error}; {disk_remedy}")
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        complain(interrupted)
        sys.exit(EXIT_INTERRUPTED)
