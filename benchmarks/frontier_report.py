"""Tables and figure of ``index_frontier.py``, made from its record alone."""

from __future__ import annotations

import json
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
        f"`{document['command']}`, {document['date']}, {document['machine']['processor']}, "
        f"{document['threads']} threads. MB = 1e6 bytes. How each figure is taken is said in\n"
        "`benchmarks/index_frontier.py` and below the tables.\n",
    ]
    for name, vectors in document["sets"].items():
        if vectors["choices"]:
            parts += _set_part(document, name, vectors)
    if document["overhead"]:
        parts += _overhead_part(document)
    return "\n".join(parts)


def _set_part(document: dict[str, Any], name: str, vectors: dict[str, Any]) -> Iterator[str]:
    facts = vectors["facts"]
    size = f"{vectors['classes']:,} x {document['dim']}"
    yield f"## `{name}`: {size}\n"
    yield _bar(vectors) + "\n"
    yield (
        f"How hard: the median query has a cosine of {facts['first']:.2f} to its nearest class, "
        f"{facts['second']:.2f} to the second, {facts['tenth']:.3f} to the tenth\n"
        f"and {facts['tenth'] - facts['gap']:.3f} to the eleventh. A code finds the ten best only where its error "
        f"in the cosine is small beside {facts['gap']:.4f};\ninverted lists only where the ten lie in few lists.\n"
    )
    yield f"![recall against speed and bytes]({name}.svg)\n"
    yield _points_table(vectors)
    yield _builds_table(vectors)


def _bar(vectors: dict[str, Any]) -> str:
    """Whether the bar holds, and where it holds for all resident bytes too."""
    points = [(kind, point) for kind, point in _points(vectors) if point["recall"]["low"] >= _BAR_RECALL]
    anonymous = [found for found in points if found[1]["anon_bytes"] <= _BAR_BYTES]
    whole = [
        found for found in anonymous if found[1]["anon_bytes"] + found[1]["file_bytes"] <= _BAR_BYTES
    ]
    lines = []
    for said, chosen in (("anonymous", anonymous), ("anonymous and mapped together", whole)):
        if not chosen:
            lines.append(
                f"**No point has recall@10 >= 0.98 within 0.25 GB of resident memory, {said}.**"
            )
            continue
        kind, point = max(chosen, key=lambda found: found[1]["queries_per_second"])
        lines.append(
            f"**Recall@10 >= 0.98 (whole interval) within 0.25 GB of resident memory, {said}: "
            f"{len(chosen)} points.** The fastest:\n{kind} ({_settings(point)}), {_recall(point)}, "
            f"{point['queries_per_second']:,.0f} queries/s, {point['anon_bytes'] / 1e6:.0f} MB anonymous, "
            f"{point['file_bytes'] / 1e6:,.0f} MB mapped."
        )
    return "\n\n".join(lines)


def _points(vectors: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, choice in vectors["choices"].items():
        for point in choice["points"]:
            if "failed" not in point:
                yield kind, point


def _settings(point: dict[str, Any]) -> str:
    named = {"num_probes": "probes", "search_width": "width"}
    effort = [f"{said} {point[key]}" for key, said in named.items() if key in point]
    return ", ".join(effort + [f"rerank {point['rerank']}" if point["rerank"] else "no rerank"])


def _recall(point: dict[str, Any]) -> str:
    recall = point["recall"]
    return f"{recall['share']:.4f} ({recall['low']:.3f}-{recall['high']:.3f})"


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
        "index", "settings", "recall@10 (95 %)", "queries/s", "p50 ms, one query", "MB anonymous", "MB mapped"
    )  # fmt: skip
    return markdown_table(headings, rows) + (
        "\nBold: no other point has at least its recall, its speed and as few resident bytes (anonymous and\n"
        "mapped together). MB are resident bytes over the base of a warm process: the most seen from opening\n"
        "the index to the last answer. Mapped pages are those of the index file and of the float16 vectors;\n"
        "the kernel may drop and read them again. Queries/s in batches of 256.\n"
    )


def _beats(other: dict[str, Any], point: dict[str, Any]) -> bool:
    """At least as good in all three and better in one."""

    def values(of: dict[str, Any]) -> tuple[float, float, float]:
        return of["recall"]["share"], of["queries_per_second"], -(of["anon_bytes"] + of["file_bytes"])

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
    return markdown_table(headings, rows) + (
        "\nBuild: class means read from a file, one example per class, to the saved model folder. The peak\n"
        "includes the means.\n"
    )


def _overhead_part(document: dict[str, Any]) -> Iterator[str]:
    rows = []
    for factory, case in document["overhead"].items():
        ours, bare = case["builds"]["xclass"], case["builds"]["bare"]
        row = [f"`{factory}`", f"{spread([b['build_seconds'] for b in bare])['median']:.2f}"]
        row.append(_ratio([b["build_seconds"] for b in ours], [b["build_seconds"] for b in bare]))
        row.append(_ratio(*([b["facts"]["index_seconds"] for b in arm] for arm in (ours, bare))))
        for key in ("batch", "single"):
            pairs = case["search"][key]
            row.append(f"{spread([pair[1] for pair in pairs])['median'] * 1e3:,.3f}")
            row.append(_ratio([pair[0] for pair in pairs], [pair[1] for pair in pairs]))
        row.append(f"{case['search']['equal_answers']:.4f}")
        rows.append(row)
    case = next(iter(document["overhead"].values()))
    yield f"## Overhead over bare faiss: {case['classes']:,} x {case['dim']}\n"
    headings = (
        "index", "bare build s", "build, ours / bare", "of it train and add, ours / bare",
        "bare ms per batch of 256", "batch, ours / bare", "bare ms, one query", "one query, ours / bare",
        "equal answers",
    )  # fmt: skip
    yield markdown_table(headings, rows)
    yield (
        "Medians of ratios pair by pair (least-most). The bare script (`benchmarks/bare_faiss.py`) sums the same\n"
        "examples into means, normalises them, trains on as many rows, adds in the same blocks and writes the\n"
        "file; it searches the same mapped file after `faiss.normalize_L2`. Builds in fresh processes in turns,\n"
        "searches in turns in one process.\n"
    )


def _ratio(ours: list[float], bare: list[float]) -> str:
    value = ratio(ours, bare)
    return f"**{value['median']:.3f}** ({value['least']:.2f}-{value['most']:.2f})"


def _figure(document: dict[str, Any], name: str, vectors: dict[str, Any]) -> str:
    series: dict[str, list[Mark]] = {}
    for kind, point in _points(vectors):
        resident = point["anon_bytes"] + point["file_bytes"]
        values = (point["queries_per_second"], resident / 1e6, max(point["anon_bytes"] / 1e6, 1.0))
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
        "hollow: the index alone; filled: reranked from a mapped float16 file; green: recall >= 0.98 within 0.25 GB",
        series,
        panels,
    )
