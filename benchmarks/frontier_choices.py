"""The index choices of ``index_frontier.py`` and the settings at which each is served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LISTS = 1024
"""Inverted lists at full size; 4 sqrt(C) would be 8192, for which k-means takes ten minutes on two cores."""
_PROBES = (16, 128, 640)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One index to build, and the points of the frontier that are served from it."""

    factory: str
    """FAISS factory string, with ``{lists}`` where the number of inverted lists goes."""
    kind: str
    """Its name in tables and figure."""
    probes: tuple[int, ...] = ()
    """Of 1024 lists; fewer in proportion where there are fewer."""
    widths: tuple[int, ...] = ()
    """efSearch."""
    reranks: tuple[int, ...] = (0,)
    """Candidates looked at again in the float16 file; 0: none."""
    read_reranks: tuple[int, ...] = ()
    """The same with candidates that are read one by one and not mapped."""
    queries: int = 512
    sets: tuple[str, ...] = ("synthetic",)

    def lists(self, num_classes: int) -> int:
        """Inverted lists at this size: small trials get fewer."""
        return min(LISTS, max(64, num_classes // 400))

    def index(self, num_classes: int) -> str:
        """The factory string at this size."""
        return self.factory.replace("{lists}", str(self.lists(num_classes)))

    def points(self, num_classes: int) -> Iterator[dict[str, Any]]:
        """Settings of each point, efforts rising."""
        lists = self.lists(num_classes)
        efforts = [{"num_probes": max(1, probes * lists // LISTS)} for probes in self.probes]
        efforts += [{"search_width": width} for width in self.widths]
        for effort in efforts or [{}]:
            yield from (effort | {"rerank": rerank} for rerank in self.reranks)
            yield from (
                effort | {"rerank": rerank, "is_rerank_mapped": False} for rerank in self.read_reranks
            )


_BOTH = ("synthetic", "lemmas")
CHOICES = (
    Choice(kind="Flat", factory="Flat", sets=_BOTH),
    Choice(kind="SQ8", factory="SQ8", reranks=(0, 20), sets=_BOTH),
    Choice(
        kind="PQ fast-scan",
        factory="PQ64x4fs",
        reranks=(0, 100, 500, 1000, 2000),
        read_reranks=(100, 1000, 2000),
        sets=_BOTH,
        queries=1000,
    ),
    Choice(kind="PQ", factory="PQ32", reranks=(0, 500)),
    Choice(kind="RaBitQ 1 bit", factory="RaBitQ", reranks=(0, 2000, 20000)),
    Choice(kind="RaBitQ 2 bits", factory="RaBitQ2", reranks=(0, 500, 1000), sets=_BOTH),
    Choice(kind="RaBitQ 3 bits", factory="RaBitQ3", reranks=(0, 100, 200)),
    Choice(kind="RaBitQ 4 bits", factory="RaBitQ4", reranks=(0, 50)),
    Choice(kind="IVF-Flat", factory="IVF{lists},Flat", probes=_PROBES, sets=_BOTH),
    Choice(kind="IVF-SQ8", factory="IVF{lists},SQ8", probes=_PROBES, reranks=(0, 20), sets=_BOTH),
    Choice(kind="IVF-PQ", factory="IVF{lists},PQ32", probes=_PROBES, reranks=(0, 500), sets=_BOTH),
    Choice(kind="OPQ-IVF-PQ", factory="OPQ32,IVF{lists},PQ32", probes=_PROBES, reranks=(0, 500)),
    Choice(kind="IVF-RaBitQ 1 bit", factory="IVF{lists},RaBitQ", probes=_PROBES, reranks=(0, 2000)),
    Choice(kind="IVF-RaBitQ 4 bits", factory="IVF{lists},RaBitQ4", probes=_PROBES, reranks=(0, 50)),
    Choice(kind="HNSW", factory="HNSW16,SQ8", widths=(64, 256, 1024), reranks=(0, 20), sets=_BOTH),
)
