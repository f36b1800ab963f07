"""Small saved models for the tests of amending."""

import faiss
import numpy as np

from xclass.classifiers.linear_server import LinearServer
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.nearest_neighbour.server import FaissServer
from xclass.classifiers.seal import seal
from xclass.classifiers.weights.bfloat16 import round_nearest
from xclass.encoders.identity import IdentityEncoder

NUM_CLASSES, DIM, LENGTH = 600, 16, 3.0
HEADS = ["float32", "bfloat16"]
INDEXES = [
    "PQ8x4fs",
    "IVF8,PQ8x4fs",
    "Flat",
    "SQ8",
    "SQfp16",
    "PQ8",
    "IVF8,Flat",
    "IVF8,SQ8",
    "OPQ8,IVF8,PQ8",
    "HNSW16",
    "HNSW16,SQ8",
]
EXACT = ["float32", "bfloat16", "Flat", "SQ8", "SQfp16", "IVF8,Flat", "IVF8,SQ8", "HNSW16", "HNSW16,SQ8"]


def directions(seed, count):
    """Unit vectors, float32; of different seeds they lie far apart from each other."""
    vectors = np.random.default_rng(seed).standard_normal((count, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


CENTRES = directions(0, NUM_CLASSES)


def save_model(kind, folder, *, vectors=CENTRES, has_exact_vectors=False):
    """Kind: dtype of a head, or the factory string of an index."""
    folder.mkdir()
    shape = {"num_classes": len(vectors), "dim": DIM}
    if kind in HEADS:
        weights = LENGTH * vectors
        save_array(folder / "weights.npy", round_nearest(weights) if kind == "bfloat16" else weights)
        write_manifest(folder, kind="linear", shape=shape, facts={"dtype": kind})
    else:
        metric = faiss.METRIC_L2 if "HNSW" in kind else faiss.METRIC_INNER_PRODUCT
        index = faiss.index_factory(DIM, kind, metric)
        index.train(vectors)
        index.add(vectors)
        faiss.write_index(index, str(folder / "index.faiss"))
        if has_exact_vectors:
            save_array(folder / "vectors.npy", vectors.astype(np.float16))
        facts = {"normalise": True, "num_probes": 8, "search_width": 64}
        write_manifest(folder, kind="faiss", shape=shape, facts=facts)
    IdentityEncoder(dim=DIM).save(folder)
    seal(folder)
    return folder


def answers(folder, queries, k=1):
    is_head = (folder / "weights.npy").exists()
    server = LinearServer(threads=1) if is_head else FaissServer(threads=1)
    server.load(folder)
    return server.search(queries, k).classes_QK
