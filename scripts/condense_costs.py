"""Condense the committed records into xclass/sizing/measured_costs.json: what each leaner setting costs.

    python scripts/condense_costs.py

One line per option and measurement, each with the record it comes from; ``xclass.sizing.alternatives`` reads
them, since an installed xclass has no benchmarks/ beside it. tests/sizing/test_measured_costs.py makes the
file again and compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "records"
COSTS = ROOT / "xclass" / "sizing" / "measured_costs.json"

FRONTIER = "heads/index_frontier/record.json"
POINTS = {
    "sq8": ("SQ8", {"rerank": 0}),
    "sq8_rerank": ("SQ8", {"rerank": 20}),
    "rabitq4": ("RaBitQ 4 bits", {"rerank": 0}),
    "pq_fast_scan_rerank": ("PQ fast-scan", {"rerank": 1000, "is_rerank_mapped": False}),
}
"""Option -> choice of the frontier and the point of it."""
SCANS = "measure/serving_curve/dense_softmax/proofs"
DISK_ROOM_SHARE = 0.1
LIMITS = "heads/limits/{}/sampled_softmax-train-rss.json"
SCAN_TIMES = "heads/limits/{}/dense_softmax-serve-rss.json"


def frontier() -> list[dict[str, Any]]:
    """Recall of exact search and the time of one query, beside exact search on the same vectors."""
    record = _read(FRONTIER)
    return [
        {
            "option": option,
            "data": data,
            "classes": found["classes"],
            "dim": record["dim"],
            "recall": _round(point["recall"]["share"]),
            "p50_seconds": _round(point["single_p50_seconds"]),
            "p50_seconds_before": _round(found["choices"]["Flat"]["points"][0]["single_p50_seconds"]),
            "source": f"benchmarks/records/{FRONTIER}: {data}, {choice}, {_words(settings)}",
        }
        for option, (choice, settings) in POINTS.items()
        for data, found in record["sets"].items()
        if choice in found["choices"]
        for point in found["choices"][choice]["points"]
        if {"rerank": point["rerank"], "is_rerank_mapped": point.get("is_rerank_mapped", True)}
        == {"is_rerank_mapped": True} | settings
    ]


def from_disk() -> list[dict[str, Any]]:
    """An exact scan of mapped class vectors of which a tenth fits in memory, proven under a cap."""
    documents = {path: json.loads(path.read_text()) for path in sorted((RECORDS / SCANS).glob("*.json"))}
    path, short = next((p, d) for p, d in documents.items() if d["file_share"] == DISK_ROOM_SHARE)
    roomy = max(documents.values(), key=lambda document: document["size_bytes"])
    assert short["verdict"] == "proven"
    return [
        {
            "option": "scan_from_disk",
            "data": short["data"],
            "classes": short["classes"],
            "dim": short["dim"],
            "room_share": short["file_share"],
            "equal_share": short["equal_share"],
            "disk_bytes_per_second": round(short["read_bytes"] / short["seconds"], -7),
            "p50_seconds": _round(_single(short)),
            "p50_seconds_before": _round(_single(roomy)),
            "source": str(path.relative_to(ROOT)),
        }
    ]


def mapped_training() -> list[dict[str, Any]]:
    """Steps a second of sampled softmax with its class vectors in a file, with room for part of them."""
    name = LIMITS.format("sampled_5e7_mapped_6gib")
    mapped, plain = _read(name), _read(LIMITS.format("sampled_5e7"))
    vectors = mapped["predicted"]["components"]["class vectors (mapped)"]
    steps = {
        "room_share": _round(mapped["memory"]["peak_file_bytes"] / vectors),
        "steps_per_second": _round(_steps(mapped)),
        "steps_per_second_before": _round(_steps(plain)),
    }
    return [_line("memmap", mapped, name) | steps]


def bfloat16() -> list[dict[str, Any]]:
    """The same training with two bytes per value and with four: accuracy, and the time of an exact scan."""
    lines = []
    for method in ("dense_softmax", "sampled_softmax"):
        name = f"heads/bfloat16/bfloat16/{method}-serve-rss.json"
        low, plain = _read(name), _read(name.replace("bfloat16/bfloat16", "bfloat16/float32"))
        # Their times are not compared: the machine was not quiet.
        accuracies = {
            "accuracy": _round(low["accuracy"]["at_1"]),
            "accuracy_before": _round(plain["accuracy"]["at_1"]),
            "num_queries": low["accuracy"]["num_queries"],
        }
        lines.append(_line(f"bfloat16_{method}", low, name) | accuracies)
    name = SCAN_TIMES.format("dense_5e6_128_bfloat16")
    low, plain = _read(name), _read(SCAN_TIMES.format("dense_5e6_128"))
    times = {"p50_seconds": _round(_single(low)), "p50_seconds_before": _round(_single(plain))}
    return [*lines, _line("bfloat16_dense_softmax", low, name) | times]


def condensed() -> str:
    """Text of the file."""
    lines = [*frontier(), *from_disk(), *mapped_training(), *bfloat16()]
    return "[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]\n"


def main() -> None:
    """Write it."""
    COSTS.write_text(condensed())
    print(COSTS)


def _line(option: str, record: dict[str, Any], name: str) -> dict[str, Any]:
    """What every line says of a record."""
    return {
        "option": option,
        "data": record["data"],
        "classes": record["classes"],
        "dim": record["config"]["dim"],
        "source": f"benchmarks/records/{name}",
    }


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((RECORDS / name).read_text())
    return document


def _single(document: dict[str, Any]) -> float:
    """Median time of a query asked alone."""
    return next(float(entry["p50_seconds"]) for entry in document["latencies"] if entry["batch_size"] == 1)


def _steps(record: dict[str, Any]) -> float:
    details = record["details"]
    return details["steps"] / (record["seconds"] - details["init_seconds"] - details["save_seconds"])


def _words(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _round(value: float) -> float:
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main()
