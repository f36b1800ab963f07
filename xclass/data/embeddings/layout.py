"""Where the numbers of an array lie in a .npy or .safetensors file, from its header. Standard library only.

So the launching process, which loads no numpy, knows how many dimensions the vectors have.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, format versions 1.0 to 3.0;
https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import math
from ast import literal_eval
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xclass.errors import DataError

_NPY_MAGIC = b"\x93NUMPY"
_MAX_HEADER_BYTES = 100 << 20
"""safetensors allows no longer header."""
_MAX_NPY_HEADER_BYTES = 10_000
"""numpy reads no longer one from files that it does not trust.

Source: https://numpy.org/doc/stable/reference/generated/numpy.load.html, ``max_header_size``.
"""
_SAFETENSORS_TYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "BF16": "bf16",
    "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1",
}  # fmt: skip
_SIZES = {"bf16": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayLayout:
    """One array in a file, row after row, little-endian."""

    path: str
    name: str
    """Of the tensor; empty in a .npy file, which holds one array."""
    offset_bytes: int
    shape: tuple[int, ...]
    kind: str
    """f8, f4, f2, bf16, or a whole number: i8, i4, i2, i1, u8, u4, u2, u1."""

    @property
    def value_bytes(self) -> int:
        """Bytes of one number."""
        return _SIZES.get(self.kind) or int(self.kind[1:])

    @property
    def has_vectors(self) -> bool:
        """Floating-point numbers in two dimensions."""
        return self.kind in ("f8", "f4", "f2", "bf16") and len(self.shape) == 2

    @property
    def has_classes(self) -> bool:
        """Whole numbers in one dimension, or in two: several classes per row."""
        return self.kind[0] in "iu" and len(self.shape) in (1, 2)

    def describe(self) -> str:
        """For errors: ``float32 of shape (100, 64)``."""
        words = {"f": "float", "i": "int", "u": "uint"}
        kind = "bfloat16" if self.kind == "bf16" else f"{words[self.kind[0]]}{8 * self.value_bytes}"
        return f"{kind} of shape {self.shape}"


def npy_array(path: Path) -> ArrayLayout:
    """The array of a .npy file.

    Raises:
        OSError: the file cannot be read.
        DataError: it is no .npy file, is cut short, or its array has another order or type than is read here.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if start[:6] != _NPY_MAGIC or start[6:7] not in (b"\1", b"\2", b"\3"):
            raise DataError(f"{path}: no .npy file; write it with numpy.save")
        length = int.from_bytes(file.read(2 if start[6] == 1 else 4), "little")
        text = file.read(min(length, _MAX_NPY_HEADER_BYTES)).decode("latin-1")
        offset = file.tell()
    try:
        header: dict[str, Any] = literal_eval(text.strip())
        shape, kind, is_fortran = _counts(header["shape"]), header["descr"], header["fortran_order"]
    # The last two of text that is nested too deeply.
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise DataError(f"{path}: its header cannot be read ({error}); write it with numpy.save") from error
    if not isinstance(kind, str) or kind[:1] not in "<|" or kind[1:] not in _SAFETENSORS_TYPES.values():
        raise DataError(
            f"{path}: numbers of type {kind}; allowed are float16, float32, float64 and whole numbers, "
            "little-endian: convert with array.astype('<f4')"
        )
    if is_fortran and len(shape) > 1:
        raise DataError(
            f"{path}: column after column (Fortran order), so that no row can be read by itself; "
            "save numpy.ascontiguousarray(array)"
        )
    layout = ArrayLayout(path=str(path), name="", offset_bytes=offset, shape=shape, kind=kind[1:])
    _check_size(layout, path)
    return layout


def safetensors_arrays(path: Path) -> dict[str, ArrayLayout]:
    """Name -> array of a .safetensors file; of types that are not read here none.

    Raises:
        OSError: the file cannot be read.
        DataError: it is no .safetensors file or is cut short.
    """
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        text = file.read(min(length, _MAX_HEADER_BYTES))
    arrays = {}
    try:
        header: dict[str, Any] = json.loads(text)
        for name, tensor in header.items():
            kind = _SAFETENSORS_TYPES.get(tensor.get("dtype", "")) if name != "__metadata__" else None
            if kind is not None:
                arrays[name] = ArrayLayout(
                    path=str(path),
                    name=name,
                    offset_bytes=8 + length + _counts(tensor["data_offsets"])[0],
                    shape=_counts(tensor["shape"]),
                    kind=kind,
                )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise DataError(
            f"{path}: no .safetensors file, or one that is cut short ({error}); write it again"
        ) from error
    for layout in arrays.values():
        _check_size(layout, path)
    return arrays


def _counts(values: Any) -> tuple[int, ...]:
    """Sizes or places, as a header may hold them."""
    if not all(type(value) is int and value >= 0 for value in values):
        raise ValueError(f"{values} are no counts")
    return tuple(values)


def _check_size(layout: ArrayLayout, path: Path) -> None:
    needed = layout.offset_bytes + layout.value_bytes * math.prod(layout.shape)
    size = path.stat().st_size
    if size < needed:
        raise DataError(
            f"{path}: cut short: {size} bytes, but {layout.describe()} ends at byte {needed}; "
            "copy or write it again"
        )
