"""The class vectors of a softmax head: allocated once, started in place, written without a copy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xclass.classifiers.base import Feed
from xclass.classifiers.class_means import accumulate_means, scale_rows
from xclass.classifiers.device import Device
from xclass.classifiers.init import Init
from xclass.classifiers.model_folder import WEIGHTS, save_array, write_manifest
from xclass.classifiers.nameless_file import NamelessFile
from xclass.classifiers.ranks.ranks import SINGLE_RANK, Ownership, Ranks
from xclass.classifiers.ranks.sliced_file import SlicedArray, save_sliced
from xclass.classifiers.weights.config import WeightDtype, WeightsConfig, WeightStorage
from xclass.classifiers.weights.rows import Bfloat16Rows, FloatRows
from xclass.data.base import FloatArray, IntArray, batch_ranges
from xclass.shapes import ProblemShape

_RANDOM_CLASSES = 1 << 14
"""Rows drawn at a time."""
_SEED_STEP, _SEED_MASK = 0x9E3779B97F4A7C15, 0x7FFFFFFFFFFFFFFF
"""Sets the seeds of blocks apart: those of neighbouring runs are neighbours."""

TORCH_DTYPE = {WeightDtype.float32: torch.float32, WeightDtype.bfloat16: torch.bfloat16}
_STORED_DTYPE = {WeightDtype.float32: np.float32, WeightDtype.bfloat16: np.uint16}


@dataclass(kw_only=True, slots=True)
class ClassVectors:
    """Class vectors of D values: of all classes, or of those of one rank.

    Attributes:
        tensor_CD: float32 or bfloat16, contiguous, all zeros at first.
        stored_CD: the same memory in numpy: float32, or uint16 with the bits of bfloat16 values.
        lost_KD: bfloat16 rounding errors of the first K classes, as far as they are here, or None.
        config: their format.
        classes: that the rows are of.
        num_classes: C, of all ranks.
        file: of a mapped table, without a name until it is saved: a run that is killed leaves nothing behind.
    """

    tensor_CD: torch.Tensor
    stored_CD: npt.NDArray[Any]
    lost_KD: torch.Tensor | None
    config: WeightsConfig
    classes: range
    num_classes: int
    file: NamelessFile | None = None

    def start(self, init: Init, *, feed: Feed, seed: int, ranks: Ranks = SINGLE_RANK) -> dict[str, Any]:
        """Give them their first values: the same in however many ranks (bfloat16 means but for rounding).

        Args:
            init: means or random.
            feed: scanned once for means.
            seed: for random values and stochastic rounding.
            ranks: that have the other classes; each goes through all examples and sums up its own.

        Returns:
            Facts for the record.

        Memory:
            for means 4 C bytes of counts, and for bfloat16 ``4 D min(C, 65536)`` more.
        """
        begun = time.perf_counter()
        facts: dict[str, Any] = {"init": init.value, "weights": self.config.dtype.value}
        if init is Init.means:
            facts |= self._start_from_means(feed, seed, ranks)
        else:
            self._start_from_random(seed)
        return facts | {"init_seconds": time.perf_counter() - begun}

    def expect_scattered_rows(self) -> None:
        """Steps will touch rows here and there: a mapped table is then read one page at a time.

        By default the kernel reads 128 KiB around a page it has to fetch, of which a step uses one row.
        """
        if self.file is not None:
            self.file.expect_scattered()

    def move_to(self, device: Device) -> None:
        """Leave the host's memory for the GPU's; on the CPU nothing moves."""
        if device is not Device.cpu:
            self.tensor_CD = self.tensor_CD.to(device.value)
            self.lost_KD = None if self.lost_KD is None else self.lost_KD.to(device.value)
            self.stored_CD = self.stored_CD[:0].copy()

    def bring_back(self) -> None:
        """Be where :meth:`save` can write: in the host's memory."""
        if self.tensor_CD.device.type != "cpu":
            self.tensor_CD = self.tensor_CD.cpu()
            self.stored_CD = bits_of(self.tensor_CD)

    def ownership(self, ranks: Ranks) -> Ownership:
        """Which classes these are, for a head."""
        return Ownership(ranks=ranks, first_class=self.classes.start, num_classes=self.num_classes)

    def save(self, folder: Path, ranks: Ranks = SINGLE_RANK) -> None:
        """Write a model folder that :class:`xclass.classifiers.linear_server.LinearServer` opens.

        Args:
            folder: empty; that of one model, which all ranks see and call this with.
            ranks: that have the other classes.
        """
        path = folder / WEIGHTS
        if ranks.size > 1:
            save_sliced(path, self.sliced()[path.stem], ranks)
        elif self.file is None:
            save_array(path, self.stored_CD)
        else:
            self.file.save(path)
        if ranks.rank == 0:
            self.describe(folder)

    def describe(self, folder: Path) -> None:
        """Write the manifest, when the file of all class vectors stands."""
        write_manifest(
            folder,
            kind="linear",
            shape={"num_classes": self.num_classes, "dim": self.stored_CD.shape[1]},
            facts={"dtype": self.config.dtype.value},
        )

    def sliced(self) -> dict[str, SlicedArray]:
        """File stem -> rows among those of all classes, for a checkpoint; the arrays themselves."""
        stem, first = Path(WEIGHTS).stem, self.classes.start
        found = {stem: SlicedArray(rows=self.stored_CD, first_row=first, num_rows=self.num_classes)}
        if num_kahan := self.config.num_kahan_classes(self.num_classes):
            shape = (0, self.stored_CD.shape[1])
            lost = np.zeros(shape, np.uint16) if self.lost_KD is None else bits_of(self.lost_KD)
            first = min(first, num_kahan)
            found["rounding_errors"] = SlicedArray(rows=lost, first_row=first, num_rows=num_kahan)
        return found

    def held_bytes(self) -> dict[str, int]:
        """The table, and rounding errors where they are kept."""
        name = "class vectors" if self.file is None else "class vectors (mapped)"
        held = {name: self.stored_CD.nbytes}
        return held if self.lost_KD is None else held | {"rounding errors": self.lost_KD.nbytes}

    def _start_from_means(self, feed: Feed, seed: int, ranks: Ranks) -> dict[str, Any]:
        is_low = self.config.dtype is WeightDtype.bfloat16
        rows = Bfloat16Rows(self.stored_CD, seed) if is_low else FloatRows(self.stored_CD)
        _, spread = accumulate_means(rows, self._own_examples(feed), ranks=ranks)
        length = self.config.init_length or spread.softmax_scale
        scale_rows(rows, length)
        if isinstance(rows, Bfloat16Rows):
            rows.settle()
        return {
            "init_examples": spread.num_examples,
            "init_seen_classes": spread.num_seen_classes,
            "init_scale": length,
        }

    def _own_examples(self, feed: Feed) -> Iterator[tuple[FloatArray, IntArray]]:
        """Those of the classes that are here, which are numbered from 0."""
        if len(self.classes) == self.num_classes:
            yield from feed.scan()
            return
        for vectors_BD, classes_B in feed.scan(self.classes):
            yield vectors_BD, classes_B - self.classes.start

    def _start_from_random(self, seed: int) -> None:
        """Block by block of all classes, each with a seed of its own: any rank can begin anywhere."""
        dim, mine = self.tensor_CD.shape[1], self.classes
        for start, stop in batch_ranges(self.num_classes, _RANDOM_CLASSES):
            first, last = max(start, mine.start), min(stop, mine.stop)
            if first >= last:
                continue
            block_seed = (seed + start // _RANDOM_CLASSES * _SEED_STEP) & _SEED_MASK
            generator = torch.Generator().manual_seed(block_seed)
            block = torch.empty(stop - start, dim).normal_(0.0, dim**-0.5, generator=generator)
            self.tensor_CD[first - mine.start : last - mine.start] = block[first - start : last - start]


def bits_of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """A tensor of the host as it is stored: bfloat16 as uint16, the rest as it is; the same memory."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def allocate_class_vectors(
    config: WeightsConfig, shape: ProblemShape, classes: range | None = None
) -> ClassVectors:
    """Allocate zeros; nothing is touched yet.

    Args:
        config: format and storage.
        shape: C and D, of all classes.
        classes: that are allocated; None: all.

    Raises:
        ConfigError: the mapped file cannot be made where ``weights.folder`` says.

    Memory:
        see :meth:`WeightsConfig.memory_terms`.
    """
    stored = _STORED_DTYPE[config.dtype]
    classes = classes or range(shape.num_classes)
    size = (len(classes), shape.dim)
    file = None
    stored_CD: npt.NDArray[Any]
    if config.storage is WeightStorage.memmap:
        file = NamelessFile(config.folder or ".", key="weights.folder")
        stored_CD = file.map(size, stored)
    else:
        # numpy's zeros come from calloc: pages appear as rows are first written, not twice.
        stored_CD = np.zeros(size, dtype=stored)
    tensor_CD = torch.from_numpy(stored_CD).view(TORCH_DTYPE[config.dtype])
    num_kahan = max(0, min(config.num_kahan_classes(shape.num_classes), classes.stop) - classes.start)
    lost_KD = torch.zeros(num_kahan, shape.dim, dtype=torch.bfloat16) if num_kahan else None
    return ClassVectors(
        tensor_CD=tensor_CD,
        stored_CD=stored_CD,
        lost_KD=lost_KD,
        config=config,
        classes=classes,
        num_classes=shape.num_classes,
        file=file,
    )


def no_class_vectors(config: WeightsConfig, dim: int) -> ClassVectors:
    """What a head holds before it is fitted: none."""
    stored_CD = np.zeros((0, dim), dtype=np.float32)
    return ClassVectors(
        tensor_CD=torch.from_numpy(stored_CD),
        stored_CD=stored_CD,
        lost_KD=None,
        config=config,
        classes=range(0),
        num_classes=0,
    )
