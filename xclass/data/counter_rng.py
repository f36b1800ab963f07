"""Random numbers computed from a counter: any row of any stream, in any order, with nothing stored.

A stream is a 64-bit key; the number at counter i is the SplitMix64 finaliser of ``key + i * GAMMA``.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (SplitMix64; its
generator is exactly this counter form, so any position can be reached at once); Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011 (why counter-based generators suit simulations).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xclass.data.base import FloatArray, IntArray

UintArray = npt.NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_BLOCK_VALUES = 1 << 14
"""Values mixed at a time: 128 KiB of uint64, so that the dozen passes over it stay in a core's cache."""


def stream_key(seed: int, stream: int) -> np.uint64:
    """The key of one stream of one seed; streams of equal seeds are unrelated."""
    values = np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
    _mix(values)
    values += np.uint64(stream)
    _mix(values)
    return np.uint64(values[0])


def _mix(values: UintArray) -> None:
    """SplitMix64 finaliser, in place (a bijection of 64-bit words)."""
    values *= _GAMMA
    shifted = values >> np.uint64(30)
    values ^= shifted
    values *= _MIX_1
    np.right_shift(values, np.uint64(27), out=shifted)
    values ^= shifted
    values *= _MIX_2
    np.right_shift(values, np.uint64(31), out=shifted)
    values ^= shifted


def random_bits(key: np.uint64, counters: IntArray) -> UintArray:
    """One 64-bit word per counter, shape of ``counters``."""
    words = counters.astype(np.uint64)
    words += key
    _mix(words)
    return words


def uniforms(key: np.uint64, counters: IntArray) -> npt.NDArray[np.float64]:
    """Uniform float64 in the open interval (0, 1), one per counter, 53 bits each."""
    words = random_bits(key, counters) >> np.uint64(11)
    return (words.astype(np.float64) + 0.5) * 2.0**-53


def add_normals(out_BD: FloatArray, key: np.uint64, rows: IntArray, scale: float) -> None:
    """Add independent normal values of standard deviation ``scale`` to each row of ``out_BD``, in place.

    Row b gets the stream's values of row ``rows[b]``, whatever else is in the batch.

    Args:
        out_BD: shape (B, D), float32, C-contiguous.
        key: the stream.
        rows: shape (B,), int64, non-negative and below 2**50.
        scale: standard deviation.

    Memory:
        five scratch arrays of ``_BLOCK_VALUES`` words; nothing that grows with B.

    Source:
        Box & Muller 1958; 24 bits of radius reach 5.9 standard deviations.
    """
    dim = out_BD.shape[1]
    half = (dim + 1) // 2
    columns = np.arange(half, dtype=np.uint64)
    step = max(1, _BLOCK_VALUES // half)
    for start in range(0, len(rows), step):
        first = rows[start : start + step].astype(np.uint64) * np.uint64(half)
        words = first[:, None] + columns[None, :]
        words += key
        _mix(words)
        angle = (words & np.uint64(0xFFFFFFFF)).astype(np.float32)
        angle *= np.float32(2 * np.pi * 2.0**-32)
        words >>= np.uint64(40)
        radius = words.astype(np.float32)
        radius += np.float32(0.5)
        radius *= np.float32(2.0**-24)
        np.log(radius, out=radius)
        radius *= np.float32(-2 * scale * scale)
        np.sqrt(radius, out=radius)
        block = out_BD[start : start + step]
        block[:, :half] += radius * np.cos(angle)
        np.sin(angle, out=angle)
        angle *= radius
        block[:, half:] += angle[:, : dim - half]
