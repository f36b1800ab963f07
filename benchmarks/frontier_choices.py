"""The index choices of ``index_frontier.py`` and the settings at which each is served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_LISTS = 2048
_PROBES = (16, 64, 256, 1024)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One index to build, and the points of the frontier that are served from it."""

    factory: str
    """FAISS factory string, with ``{lists}`` where the number of inverted lists goes."""
    kind: str
    """Its colour in the figure and its place in the tables."""
    probes: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    reranks: tuple[int, ...] = (0,)
    """Candidates looked at again in the float16 file; 0: none."""
    sets: tuple[str, ...] = ("synthetic",)

    def index(self, num_classes: int) -> str:
        """The factory string at this size: small trials get fewer lists."""
        return self.factory.format(lists=min(_LISTS, max(64, num_classes // 400)))

    def points(self, num_classes: int) -> Iterator[dict[str, int]]:
        """Settings of each point, efforts rising."""
        lists = min(_LISTS, max(64, num_classes // 400))
        probes = sorted({max(1, probe * lists // _LISTS) for probe in self.probes})
        efforts = [{"num_probes": p} for p in probes] + [{"search_width": w} for w in self.widths]
        for effort in efforts or [{}]:
            for rerank in self.reranks:
                yield effort | {"rerank": rerank}


_BOTH = ("synthetic", "lemmas")
CHOICES = (
    Choice(factory="Flat", kind="Flat"),
    Choice(factory="SQ8", kind="SQ8", reranks=(0, 20, 100)),
    Choice(factory="IVF{lists},Flat", kind="IVF-Flat", probes=_PROBES, sets=_BOTH),
    Choice(factory="IVF{lists},SQ8", kind="IVF-SQ8", probes=_PROBES, reranks=(0, 20), sets=_BOTH),
    Choice(factory="IVF{lists},PQ32", kind="IVF-PQ", probes=_PROBES, reranks=(0, 100, 1000), sets=_BOTH),
    Choice(
        factory="OPQ32,IVF{lists},PQ32", kind="OPQ-IVF-PQ", probes=_PROBES, reranks=(0, 100, 1000), sets=_BOTH
    ),
    Choice(factory="RaBitQ", kind="RaBitQ 1 bit", reranks=(0, 500, 2000, 8000)),
    Choice(factory="RaBitQ2", kind="RaBitQ 2 bits", reranks=(0, 100, 500, 2000)),
    Choice(factory="RaBitQ3", kind="RaBitQ 3 bits", reranks=(0, 100, 500)),
    Choice(factory="RaBitQ4", kind="RaBitQ 4 bits", reranks=(0, 50, 200)),
    Choice(factory="IVF{lists},RaBitQ", kind="IVF-RaBitQ 1 bit", probes=_PROBES, reranks=(0, 2000), sets=_BOTH),
    Choice(factory="IVF{lists},RaBitQ4", kind="IVF-RaBitQ 4 bits", probes=_PROBES, reranks=(0, 100), sets=_BOTH),
    Choice(factory="HNSW16,SQ8", kind="HNSW", widths=(64, 256, 1024), reranks=(0, 20), sets=_BOTH),
)  # fmt: skip
