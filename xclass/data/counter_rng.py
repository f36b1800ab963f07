"""Random numbers computed from a counter: any row of any stream, in any order, with nothing stored.

A stream is a 64-bit key; the number at counter i is the SplitMix64 finaliser of ``key + i * GAMMA``.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (SplitMix64; its
generator is exactly this counter form, so any position can be reached at once); Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011 (why counter-based generators suit simulations).
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from xclass.data.base import FloatArray, IntArray

UintArray = npt.NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW_32 = np.uint64(0xFFFFFFFF)
_BLOCK_VALUES = 1 << 15
"""Values mixed at a time: the scratch is 768 KiB, so that two dozen passes over it stay in a core's cache."""

_local = threading.local()


def stream_key(seed: int, stream: int) -> np.uint64:
    """The key of one stream of one seed; streams of equal seeds are unrelated."""
    # Zero is the one word that mixing leaves as it is, and zero is the default seed.
    values = np.array([(seed + 1) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
    scratch = np.empty_like(values)
    _mix(values, scratch)
    values += np.uint64(stream)
    _mix(values, scratch)
    return np.uint64(values[0])


def _mix(values: UintArray, scratch: UintArray) -> None:
    """SplitMix64 finaliser, in place (a bijection of 64-bit words); ``scratch`` has the same shape."""
    values *= _GAMMA
    np.right_shift(values, np.uint64(30), out=scratch)
    values ^= scratch
    values *= _MIX_1
    np.right_shift(values, np.uint64(27), out=scratch)
    values ^= scratch
    values *= _MIX_2
    np.right_shift(values, np.uint64(31), out=scratch)
    values ^= scratch


def random_bits(key: np.uint64, counters: IntArray) -> UintArray:
    """One 64-bit word per counter, shape of ``counters``."""
    words = counters.astype(np.uint64)
    words += key
    _mix(words, np.empty_like(words))
    return words


def uniforms(key: np.uint64, counters: IntArray) -> npt.NDArray[np.float64]:
    """Uniform float64 in the open interval (0, 1), one per counter, 52 bits each.

    With 53 bits the largest word plus a half would round to 1.
    """
    words = random_bits(key, counters) >> np.uint64(12)
    return (words.astype(np.float64) + 0.5) * 2.0**-52


def add_normals(out_BD: FloatArray, key: np.uint64, rows: IntArray, scale: float) -> None:
    """Add independent normal values of standard deviation ``scale`` to each row of ``out_BD``, in place.

    Row b gets the stream's values of row ``rows[b]``, whatever else is in the batch.

    Args:
        out_BD: shape (B, D), float32, C-contiguous.
        key: the stream.
        rows: shape (B,), int64, non-negative and below 2**50.
        scale: standard deviation.

    Memory:
        24 bytes for each of ``_BLOCK_VALUES`` values, kept by each thread that calls; nothing grows with B.

    Source:
        Box & Muller 1958; 24 bits of radius reach 5.9 standard deviations.
    """
    dim = out_BD.shape[1]
    half = (dim + 1) // 2
    step = max(1, _BLOCK_VALUES // half)
    columns = np.arange(half, dtype=np.uint64)
    for start in range(0, len(rows), step):
        block = out_BD[start : start + step]
        words, shifted, angle, radius = _scratch(len(block), half)
        np.multiply(rows[start : start + step, None], half, out=words, casting="unsafe")
        words += columns
        words += key
        _mix(words, shifted)
        np.bitwise_and(words, _LOW_32, out=shifted)
        np.multiply(shifted, np.float32(2 * np.pi * 2.0**-32), out=angle, casting="unsafe", dtype=np.float32)
        words >>= np.uint64(40)
        np.add(words, np.float32(0.5), out=radius, casting="unsafe", dtype=np.float32)
        radius *= np.float32(2.0**-24)
        np.log(radius, out=radius)
        radius *= np.float32(-2 * scale * scale)
        np.sqrt(radius, out=radius)
        _add_polar(block, radius, angle, shifted.view(np.float32)[:, :half])


def _add_polar(block: FloatArray, radius: FloatArray, angle: FloatArray, spare: FloatArray) -> None:
    """Add ``radius cos(angle)`` to the first half of the columns and ``radius sin(angle)`` to the rest."""
    half = radius.shape[1]
    np.cos(angle, out=spare)
    spare *= radius
    block[:, :half] += spare
    np.sin(angle, out=angle)
    angle *= radius
    block[:, half:] += angle[:, : block.shape[1] - half]


def _scratch(rows: int, half: int) -> tuple[UintArray, UintArray, FloatArray, FloatArray]:
    """This thread's scratch, shaped (rows, half): words, words, floats, floats.

    Kept, because with a pinned allocator every array above 128 KiB is a fresh map whose pages fault anew.
    """
    size = rows * half
    if getattr(_local, "size", 0) < size:
        _local.size = size
        _local.arrays = [np.empty(size, dtype=kind) for kind in ("u8", "u8", "f4", "f4")]
    words, shifted, angle, radius = (array[:size].reshape(rows, half) for array in _local.arrays)
    return words, shifted, angle, radius
