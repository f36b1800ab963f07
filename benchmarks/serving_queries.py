"""Held-out queries of a run in a file, and as requests to a service.

python benchmarks/serving_queries.py RUN METHOD      # writes RUN/queries.npz
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from serving_client import Call

from xclass.data.base import Inputs, Texts
from xclass.data.registry import DATA_CONFIGS
from xclass.run.spec import ChildSpec

TOP_K = 5
_NUM_QUERIES, _SEED = 2000, 7


def main() -> None:
    """Draw them from the run's own source, by another seed than the run did."""
    run_dir, method = Path(sys.argv[1]), sys.argv[2]
    spec = ChildSpec.read(run_dir / "specs" / f"{method}-load-serve-rss.json")
    config = spec.run_config()
    source = importlib.import_module(DATA_CONFIGS[spec.data_name].entry).open_source(
        config.data,
        num_classes=spec.shape["num_classes"],
        dim=config.dim,
        seed=config.seed,
        facts=spec.data_facts,
    )
    inputs = source.queries(_NUM_QUERIES, _SEED).inputs
    arrays: dict[str, Any] = {"vectors": inputs}
    if isinstance(inputs, Texts):
        arrays = {"bytes": inputs.bytes_, "offsets": inputs.offsets, "contexts": inputs.contexts}
    np.savez(run_dir / "queries.npz", **arrays)


def read_queries(path: Path) -> Inputs:
    """What :func:`main` wrote."""
    with np.load(path, allow_pickle=False) as saved:
        if "vectors" in saved:
            vectors: Any = saved["vectors"]
            return vectors
        return Texts(bytes_=saved["bytes"], offsets=saved["offsets"], contexts=saved["contexts"])


def calls_of(inputs: Inputs, size: int, contexts: list[str], *, is_npy: bool = False) -> list[Call]:
    """All queries in requests of so many."""
    starts = range(0, len(inputs) - size + 1, size)
    if is_npy:
        return [_npy(np.asarray(inputs)[at : at + size]) for at in starts]
    return [_json(inputs, at, at + size, contexts) for at in starts]


def _npy(vectors_BD: Any) -> Call:
    file = io.BytesIO()
    np.save(file, vectors_BD)
    return Call(path=f"/predict?k={TOP_K}", content_type="application/x-npy", body=file.getvalue())


def _json(inputs: Inputs, start: int, stop: int, contexts: list[str]) -> Call:
    document: dict[str, Any] = {"k": TOP_K}
    if isinstance(inputs, Texts):
        bounds = inputs.offsets[start : stop + 1].tolist()
        document["texts"] = [inputs.bytes_[a:b].tobytes().decode() for a, b in pairwise(bounds)]
        document["contexts"] = [contexts[number] for number in inputs.contexts[start:stop].tolist()]
    else:
        document["vectors"] = np.asarray(inputs)[start:stop].tolist()
    return Call(path="/predict", content_type="application/json", body=json.dumps(document).encode())


if __name__ == "__main__":
    main()
