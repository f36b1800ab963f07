"""The class vectors of a softmax head: allocated once, started in place, written without a copy."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xclass.classifiers.base import Feed
from xclass.classifiers.class_means import accumulate_means, scale_rows
from xclass.classifiers.init import Init
from xclass.classifiers.model_folder import WEIGHTS, save_array, write_manifest
from xclass.shapes import ProblemShape


def start_weights(
    init: Init, *, shape: ProblemShape, feed: Feed, seed: int
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Allocate and start the class vectors.

    Args:
        init: means or random.
        shape: C and D.
        feed: scanned once for means.
        seed: for random.

    Returns:
        weights_CD (float32, contiguous) and facts for the record.

    Memory:
        4 C D bytes, and 4 C of counts while class means are taken.
    """
    begun = time.perf_counter()
    # numpy's zeros come from calloc: pages appear as rows are first written, not twice.
    array_CD = np.zeros((shape.num_classes, shape.dim), dtype=np.float32)
    facts: dict[str, Any] = {"init": init.value}
    if init is Init.means:
        _, spread = accumulate_means(array_CD, feed.scan())
        scale_rows(array_CD, spread.softmax_scale)
        facts["init_examples"] = spread.num_examples
        facts["init_seen_classes"] = spread.num_seen_classes
        facts["init_scale"] = spread.softmax_scale
    weights_CD = torch.from_numpy(array_CD)
    if init is Init.random:
        generator = torch.Generator().manual_seed(seed)
        weights_CD.normal_(0.0, shape.dim**-0.5, generator=generator)
    facts["init_seconds"] = time.perf_counter() - begun
    return weights_CD, facts


def save_weights(folder: Path, weights_CD: torch.Tensor) -> None:
    """Write a model folder that :class:`xclass.classifiers.linear_server.LinearServer` opens."""
    save_array(folder / WEIGHTS, weights_CD.detach().numpy())
    num_classes, dim = weights_CD.shape
    write_manifest(folder, kind="linear", shape={"num_classes": num_classes, "dim": dim}, facts={})
