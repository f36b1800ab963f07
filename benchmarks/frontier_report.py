"""Tables and figure of ``index_frontier.py``, made from its record alone."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from children import markdown_table, ratio, spread
from frontier_figure import Mark, Panel, draw

_BAR_RECALL, _BAR_BYTES = 0.98, 0.25e9
_INDEX_FILE = "index.faiss"


def write_report(folder: Path) -> Path:
    """Write README.md and one figure per vector set beside the record."""
    document = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    for name, vectors in document["sets"].items():
        if vectors["choices"]:
            (folder / f"{name}.svg").write_text(_figure(document, name, vectors), encoding="utf-8")
    (folder / "README.md").write_text(_report(document), encoding="utf-8")
    return folder / "README.md"


def _report(document: dict[str, Any]) -> str:
    parts = [
        "# Recall, bytes and speed of every index choice, and our overhead over bare faiss\n",
        _prose(
            f"`{document['command']}`, {document['date']}, {document['machine']['processor']}, "
            f"{document['threads']} threads. MB = 1e6 bytes. How each figure is taken is said in "
            "`benchmarks/index_frontier.py` and below the tables."
        ),
    ]
    for name, vectors in document["sets"].items():
        if vectors["choices"]:
            parts += _set_part(document, name, vectors)
    if document["overhead"]:
        parts += _overhead_part(document)
    return "\n".join(parts)


def _set_part(document: dict[str, Any], name: str, vectors: dict[str, Any]) -> Iterator[str]:
    yield f"## `{name}`: {vectors['classes']:,} x {document['dim']}\n"
    yield _bar(vectors)
    yield _hardness(name, vectors["facts"])
    yield f"![recall against speed and bytes]({name}.svg)\n"
    yield _points_table(vectors)
    yield _builds_table(vectors)


_SETS = {
    "synthetic": (
        "Class means of `data=synthetic` with its defaults. The noise is made for a Bayes accuracy of 95 %, "
        "so a query lies far from its own class, and what comes second to tenth is mostly chance: nearly as "
        "hard as vectors without any structure. Only what looks at every class finds them all; inverted "
        "lists do badly here."
    ),
    "lemmas": (
        "Class means of `data=lemmas`: real word forms through the training-free encoder. Neighbours are "
        "words that look alike; they share lists, and the tenth stands out more from the eleventh."
    ),
}


def _hardness(name: str, facts: dict[str, float]) -> str:
    """What makes recall easy or hard on these vectors, in words and figures."""
    first, second, tenth, gap = (facts[key] for key in ("first", "second", "tenth", "gap"))
    return _prose(
        f"{_SETS[name]} Cosine of the median query to its nearest class: {first:.2f}, to the second "
        f"{second:.2f}, to the tenth {tenth:.2f}; the eleventh is {gap:.4f} further. A code finds the ten "
        "best only if its error in the cosine is small beside that, or if what it finds is ranked again."
    )


def _prose(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 110, break_on_hyphens=False, break_long_words=False) + "\n"


def _bar(vectors: dict[str, Any]) -> str:
    """Whether the bar holds, and where it holds for all resident bytes too."""
    points = [(kind, point) for kind, point in _points(vectors) if point["recall"]["low"] >= _BAR_RECALL]
    anonymous = [found for found in points if found[1]["anon_bytes"] <= _BAR_BYTES]
    whole = [found for found in points if _resident_bytes(found[1]) <= _BAR_BYTES]
    lines = []
    for said, chosen in (("anonymous", anonymous), ("anonymous and mapped together", whole)):
        bar = f"recall@10 of at least {_BAR_RECALL} within {_BAR_BYTES / 1e9} GB of resident memory ({said})"
        if not chosen:
            lines.append(_prose(f"**No point has {bar}.**"))
            continue
        kind, point = max(chosen, key=lambda found: found[1]["queries_per_second"])
        lines.append(
            _prose(
                f"**{len(chosen)} of {len(list(_points(vectors)))} points have {bar}**, the whole interval "
                f"above it. The fastest: {kind} ({_settings(point)}), recall {_recall(point)}, "
                f"{point['queries_per_second']:,.0f} queries/s, "
                f"{point['anon_bytes'] / 1e6:.0f} MB anonymous, {point['file_bytes'] / 1e6:,.0f} MB mapped."
            )
        )
    return "\n".join(lines)


def _resident_bytes(point: dict[str, Any]) -> int:
    return int(point["anon_bytes"] + point["file_bytes"])


def _points(vectors: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, choice in vectors["choices"].items():
        for point in choice["points"]:
            if "failed" not in point:
                yield kind, point


def _settings(point: dict[str, Any]) -> str:
    named = {"num_probes": "probes", "search_width": "width"}
    effort = [f"{said} {point[key]}" for key, said in named.items() if key in point]
    rerank = f"rerank {point['rerank']}" if point["rerank"] else "no rerank"
    return ", ".join([*effort, rerank + ("" if point.get("is_rerank_mapped", True) else ", read")])


def _recall(point: dict[str, Any]) -> str:
    recall = point["recall"]
    return f"{recall['share']:.4f} ({recall['low']:.3f}-{recall['high']:.3f})"


_POINTS_NOTE = """
Bold: no other point has its recall, its speed and as few resident bytes (anonymous and mapped together). MB
are resident bytes over the base of a warm process: the most seen from opening the index to the last answer.
Mapped pages are those of the index file and of the float16 vectors; the kernel may drop them and read them
again. "read": candidates are read from the float16 file, not mapped (`index.is_rerank_mapped=false`).
Queries/s in batches of 256; "ms, one query" is the median of queries asked one by one. Recall: of exact
search over the same vectors, with a 95 % interval over queries.
"""
_BUILDS_NOTE = """
Build: from the means in a file, one example per class, to the saved model folder; the peak is that of all
of it. The float16 file is written where a point is reranked.
"""
_OVERHEAD_NOTE = """
Medians of ratios pair by pair (least-most). The bare script (`benchmarks/bare_faiss.py`) sums the same
examples into means, normalises them, trains on as many rows, adds in the same blocks and writes the file;
it searches the same mapped file after `faiss.normalize_L2`. Builds in fresh processes in turns, searches in
turns in one process. "Means in a file" is our default, `index.means_storage=file`; MB are the peak over base.
"""


def _points_table(vectors: dict[str, Any]) -> str:
    points = list(_points(vectors))
    rows = []
    for kind, point in points:
        is_best = not any(_beats(other, point) for _, other in points)
        rows.append([
            f"**{kind}**" if is_best else kind,
            _settings(point),
            _recall(point),
            f"{point['queries_per_second']:,.1f}",
            f"{point['single_p50_seconds'] * 1e3:,.2f}",
            f"{point['anon_bytes'] / 1e6:,.1f}",
            f"{point['file_bytes'] / 1e6:,.0f}",
        ])  # fmt: skip
    headings = (
        "index", "settings", "recall@10 (95 %)", "queries/s", "ms, one query", "MB anonymous", "MB mapped",
    )  # fmt: skip
    return markdown_table(headings, rows) + _POINTS_NOTE


def _beats(other: dict[str, Any], point: dict[str, Any]) -> bool:
    """At least as good in all three and better in one."""

    def values(of: dict[str, Any]) -> tuple[float, float, float]:
        return of["recall"]["share"], of["queries_per_second"], -_resident_bytes(of)

    pairs = list(zip(values(other), values(point), strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _builds_table(vectors: dict[str, Any]) -> str:
    rows = []
    for kind, choice in vectors["choices"].items():
        built = choice["build"]
        if "failed" in built:
            rows.append([kind, f"`{choice['factory']}`", f"failed: {built['failed']}", *["-"] * 4])
            continue
        index_bytes = built["files"][_INDEX_FILE]
        rows.append([
            kind, f"`{choice['factory']}`",
            f"{index_bytes / 1e6:,.0f}",
            f"{(sum(built['files'].values()) - index_bytes) / 1e6:,.0f}",
            f"{built['build_seconds']:,.0f}",
            f"{built['peak_over_base_bytes'] / 1e6:,.0f}",
            f"{built['peak_over_base_bytes'] / index_bytes:.2f}",
        ])  # fmt: skip
    headings = (
        "index", "factory", "MB index file", "MB float16 file", "build s", "MB build peak over base",
        "peak / index",
    )  # fmt: skip
    return markdown_table(headings, rows) + _BUILDS_NOTE


def _overhead_part(document: dict[str, Any]) -> Iterator[str]:
    builds, searches = [], []
    for factory, case in document["overhead"].items():
        seconds = {arm: [build["build_seconds"] for build in case["builds"][arm]] for arm in case["builds"]}
        row = [f"`{factory}`", f"{spread(seconds['bare'])['median']:.2f}"]
        row += [
            _ratio(seconds[arm], seconds["bare"]) if arm in seconds else "-" for arm in ("memory", "file")
        ]
        row += [_peak(case["builds"].get(arm, [])) for arm in ("bare", "memory", "file")]
        builds.append(row)
        row = [f"`{factory}`"]
        for key in ("batch", "single"):
            pairs = case["search"][key]
            row.append(f"{spread([pair[1] for pair in pairs])['median'] * 1e3:,.3f}")
            row.append(_ratio([pair[0] for pair in pairs], [pair[1] for pair in pairs]))
        searches.append([*row, f"{case['search']['equal_answers']:.4f}"])
    case = next(iter(document["overhead"].values()))
    yield f"## Overhead over bare faiss: {case['classes']:,} x {case['dim']}\n"
    headings = (
        "build", "bare s", "means in memory / bare", "means in a file / bare", "bare MB", "in memory MB",
        "in a file MB",
    )  # fmt: skip
    yield markdown_table(headings, builds)
    headings = (
        "search", "bare ms, batch of 256", "ours / bare", "bare ms, one query", "ours / bare",
        "equal answers",
    )  # fmt: skip
    yield markdown_table(headings, searches) + _OVERHEAD_NOTE


def _peak(builds: list[dict[str, Any]]) -> str:
    peaks = [build["peak_over_base_bytes"] for build in builds if "peak_over_base_bytes" in build]
    return f"{spread(peaks)['median'] / 1e6:,.0f}" if peaks else "-"


def _ratio(ours: list[float], bare: list[float]) -> str:
    value = ratio(ours, bare)
    return f"**{value['median']:.3f}** ({value['least']:.2f}-{value['most']:.2f})"


def _figure(document: dict[str, Any], name: str, vectors: dict[str, Any]) -> str:
    series: dict[str, list[Mark]] = {}
    for kind, point in _points(vectors):
        resident, anonymous = _resident_bytes(point) / 1e6, point["anon_bytes"] / 1e6
        values = (point["queries_per_second"], resident, anonymous)
        mark = Mark(recall=point["recall"]["share"], values=values, is_filled=bool(point["rerank"]))
        series.setdefault(kind, []).append(mark)
    panels = (
        Panel(title="queries/s, 2 threads", ticks=(1, 10, 100, 1e3, 1e4), name=lambda tick: f"{tick:,.0f}"),
        Panel(
            title="MB resident, anonymous + mapped", ticks=(10, 100, 250, 1e3, 1e4), bar=_BAR_BYTES / 1e6,
            name=lambda tick: f"{tick:,.0f}",
        ),
        Panel(
            title="MB resident, anonymous", ticks=(1, 10, 100, 250, 1e3), bar=_BAR_BYTES / 1e6,
            name=lambda tick: f"{tick:,.0f}",
        ),
    )  # fmt: skip
    return draw(
        f"Index choices over {vectors['classes']:,} classes x {document['dim']}, data={name}",
        "hollow: index alone; filled: reranked from a float16 file; green: recall >= 0.98 in 0.25 GB",
        series,
        panels,
    )
