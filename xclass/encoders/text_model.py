"""A folder with a text encoder that was trained elsewhere: what kind it is and what it takes, from its files.

Two kinds are read, always from a folder on this machine and never by a name that would be looked up:

static     ``tokenizer.json`` and ``model.safetensors`` with one row per token, as model2vec and
           sentence-transformers (StaticEmbedding) write them
sentence   a sentence-transformers folder: ``modules.json`` and weights in ``model.safetensors``

Weights in pickled files and folders that bring their own code are refused. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xclass.data.embeddings.layout import ArrayLayout, safetensors_arrays
from xclass.encoders.kinds import EncoderKind
from xclass.errors import ConfigError, DataError
from xclass.json_object import read_json

KEY = "encoder.model"
MODULES, TOKENIZER, WEIGHTS = "modules.json", "tokenizer.json", "model.safetensors"
_MATRICES = ("embeddings", "embedding.weight")
"""Of model2vec, and of sentence-transformers' StaticEmbedding."""
_STATIC_MODULES = ("StaticEmbedding", "Normalize")
_OWN_MODULES = "sentence_transformers."
_LIBRARIES = {
    EncoderKind.static: ("tokenizers", "static-encoders"),
    EncoderKind.sentence: ("sentence_transformers", "sentence-transformers"),
}
"""Kind -> module that it needs, and the extra of this package that installs it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextModel:
    """What a folder holds.

    Attributes:
        kind: static or sentence.
        folder: as it was given.
        base: folder of tokenizer and weights.
        dim: D of its vectors.
        weights_bytes: of all its weights.
        tokenizer_bytes: of ``tokenizer.json``.
        arrays: of a static one, its tensors by name: a matrix, perhaps ``weights`` and ``mapping``.
    """

    kind: EncoderKind
    folder: str
    base: str
    dim: int
    weights_bytes: int
    tokenizer_bytes: int
    arrays: dict[str, ArrayLayout]

    @property
    def matrix(self) -> ArrayLayout:
        """Of a static one: a row per token."""
        return next(self.arrays[name] for name in _MATRICES if name in self.arrays)


@lru_cache(maxsize=8)
def read_text_model(folder: str) -> TextModel:
    """Look at a folder.

    Raises:
        ConfigError: it is no folder here, lacks a file, or holds what is not opened.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise _refused(
            folder, "a folder on this machine", "download the model first: names are not looked up"
        )
    try:
        modules = _modules(path)
        if modules is None or _is_static(modules):
            return _read_static(folder, path / (modules[0]["path"] if modules else ""))
        return _read_sentence(folder, path, modules)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, DataError) as error:
        raise _refused(
            folder,
            f"{TOKENIZER} and {WEIGHTS} with {' or '.join(_MATRICES)}, or a sentence-transformers folder",
            f"it cannot be read: {error}",
        ) from error


def check_encoder(folder: str | None) -> None:
    """Refuse a run whose encoder needs what is not installed, before anything runs.

    Args:
        folder: None needs nothing.

    Raises:
        ConfigError: naming the library and the extra that installs it.
    """
    if folder is not None:
        check_library(read_text_model(folder).kind, folder)


def check_library(kind: EncoderKind, folder: str) -> None:
    """The same of a kind.

    Raises:
        ConfigError: its library is missing.
    """
    library, extra = _LIBRARIES[kind]
    if find_spec(library) is None:
        needs = f"a model whose library is there; this one needs {library}, not installed here"
        raise _refused(folder, needs, f"pip install 'xclass[{extra}]'")


def _refused(folder: str, allowed: str, remedy: str) -> ConfigError:
    return ConfigError(KEY, folder, allowed=allowed, remedy=remedy)


def _modules(path: Path) -> list[dict[str, Any]] | None:
    """What ``modules.json`` lists; None without such a file."""
    file = path / MODULES
    if not file.is_file():
        return None
    modules: list[dict[str, Any]] = read_json(file)
    foreign = [module["type"] for module in modules if not module["type"].startswith(_OWN_MODULES)]
    if foreign:
        raise ValueError(f"{file}: {foreign[0]} is code of its own, which is never run")
    for module in modules:
        if ".." in Path(module["path"]).parts or Path(module["path"]).is_absolute():
            raise ValueError(f"{file}: {module['path']} leaves the folder")
    return modules


def _is_static(modules: list[dict[str, Any]]) -> bool:
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    return kinds[0] == _STATIC_MODULES[0] and set(kinds) <= set(_STATIC_MODULES)


def _read_static(folder: str, base: Path) -> TextModel:
    arrays = safetensors_arrays(base / WEIGHTS)
    matrix = (
        next(arrays[name] for name in _MATRICES if name in arrays) if set(_MATRICES) & set(arrays) else None
    )
    if matrix is None or len(matrix.shape) != 2:
        raise ValueError(f"{base / WEIGHTS}: holds {', '.join(arrays) or 'nothing'}")
    return TextModel(
        kind=EncoderKind.static,
        folder=folder,
        base=str(base),
        dim=matrix.shape[1],
        weights_bytes=(base / WEIGHTS).stat().st_size,
        tokenizer_bytes=(base / TOKENIZER).stat().st_size,
        arrays=arrays,
    )


def _read_sentence(folder: str, path: Path, modules: list[dict[str, Any]]) -> TextModel:
    base = path / modules[0]["path"]
    config = read_json(base / "config.json")
    dim, weights_bytes = int(config["hidden_size"]), 0
    for module in modules:
        place = path / module["path"]
        kind = module["type"].rpartition(".")[2]
        if kind in ("Transformer", "Dense"):
            weights = sorted(place.glob("*.safetensors"))
            if not weights:
                raise ValueError(f"{place}: no .safetensors; pickled weights are not opened")
            weights_bytes += sum(file.stat().st_size for file in weights)
        if kind == "Dense":
            dim = int(read_json(place / "config.json")["out_features"])
    return TextModel(
        kind=EncoderKind.sentence,
        folder=folder,
        base=str(base),
        dim=dim,
        weights_bytes=weights_bytes,
        tokenizer_bytes=(base / TOKENIZER).stat().st_size,
        arrays={},
    )
