"""``command.json``: what was typed and where, kept in the folder of a run or sweep so that it can go on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from xclass.errors import RecordError
from xclass.json_object import read_json_object
from xclass.records.store import write_json

COMMAND_FILE = "command.json"
_SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One command line."""

    words: list[str]
    """After ``python -m xclass``."""
    directory: str
    """Working directory: relative paths among the words mean something only from there."""
    is_sweep: bool


def write_command(folder: Path, command: Command) -> None:
    """Keep a command in its folder; one that is there already stays: the first is the one that counts.

    Raises:
        RecordError: it cannot be written.
    """
    if not (folder / COMMAND_FILE).exists():
        write_json(folder / COMMAND_FILE, {"schema_version": _SCHEMA_VERSION, **asdict(command)})


def read_command(folder: Path) -> Command:
    """Read it back.

    Raises:
        RecordError: there is none, or it is damaged or of another version.
    """
    path = folder / COMMAND_FILE
    try:
        document = read_json_object(path)
        version = document.pop("schema_version")
        command = Command(**document)
        words_are_text = all(isinstance(word, str) for word in command.words)
    except FileNotFoundError:
        above = folder.parent
        remedy = (
            f"it is one run of a sweep: give {above}"
            if (above / COMMAND_FILE).is_file()
            else "give the folder that python -m xclass wrote to"
        )
        raise RecordError(f"{folder}: no {COMMAND_FILE} in it; {remedy}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"{path}: damaged: {error}; type the command again in a new folder") from error
    if version != _SCHEMA_VERSION or not words_are_text:
        raise RecordError(
            f"{path}: schema_version={version}: this xclass reads version {_SCHEMA_VERSION}; "
            "use the xclass that wrote it"
        )
    return command
