"""``python -m xclass.seal``: whether a model folder is what it was when it was saved.

Exit codes: 0 it is, or it was sealed anew; 1 it is not; 2 the command was wrong; 130 interrupted.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from xclass.classifiers.model_folder import MANIFEST
from xclass.classifiers.seal import SEAL, check_seal, seal
from xclass.cli.checking import Checking
from xclass.cli.parser import is_folder, run_words, say
from xclass.errors import ConfigError, ModelError

HELP = """\
usage: python -m xclass.seal MODEL_FOLDER [key=value ...]

Compares every byte of a saved model with its seal (checksums.json: name, size and sha256 of every file),
as every command that opens a model does before. Prints the fingerprint: the sha256 of the seal.

  python -m xclass.seal outputs/RUN/models/dense_softmax
  python -m xclass.seal /srv/model fingerprint=3f1c...    is it that very model?
  python -m xclass.seal old/model new=true                a model without a seal, or one that you changed

  fingerprint=DIGITS   that it must have: kept elsewhere, it tells a model from one that was changed and
                       sealed anew, which no seal inside the folder can
  new=false            true: the folder is sealed as it is, unchecked; only what you trust

exit codes: 0 the model is what was sealed; 1 it is not; 2 the command is wrong; 130 interrupted.
"""
_DEFAULTS = {"fingerprint": "", "new": "false"}


def main() -> NoReturn:
    """The entry point of ``python -m xclass.seal``."""
    run_words(_carry_out, HELP, disk_remedy="check its permissions", interrupted="interrupted")


def _carry_out(words: list[str]) -> int:
    folder, values = _split(words)
    with Checking() as progress:
        if values["new"] == "true":
            if not (folder / MANIFEST).is_file():
                raise ModelError(f"{folder / MANIFEST}: missing; give a folder of a run's models/")
            said, fingerprint = "sealed", seal(folder, progress=progress)
        else:
            said, fingerprint = "as it was sealed", check_seal(folder, progress=progress)
    if values["fingerprint"] not in ("", fingerprint):
        raise ModelError(
            f"{folder / SEAL}: fingerprint {fingerprint}, not {values['fingerprint']}; it is another model, "
            "or it was changed and sealed anew"
        )
    say(f"{said}; fingerprint {fingerprint}")
    return 0


def _split(words: list[str]) -> tuple[Path, dict[str, str]]:
    folders, values = [], dict(_DEFAULTS)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or is_folder(word):
            folders.append(word)
        elif key not in values:
            raise ConfigError(key, value, allowed=" and ".join(_DEFAULTS), remedy="see --help")
        else:
            values[key] = value
    if len(folders) != 1:
        raise ConfigError(
            "MODEL_FOLDER", " ".join(folders) or "(not given)", allowed="the folder of one saved model",
            remedy="e.g. python -m xclass.seal outputs/RUN/models/dense_softmax",
        )  # fmt: skip
    if values["new"] not in ("true", "false"):
        raise ConfigError("new", values["new"], allowed="true or false", remedy="new=false is the default")
    if values["new"] == "true" and values["fingerprint"]:
        raise ConfigError(
            "fingerprint", values["fingerprint"], allowed="without new=true",
            remedy="seal the folder, then compare",
        )  # fmt: skip
    return Path(folders[0]), values
