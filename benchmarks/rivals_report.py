"""The README of ``records/rivals``, made from the rows alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from children import markdown_table

_SIZES = {
    "1e4": "Lemmas, 10 000 classes", "1e5": "Lemmas, 100 000 classes",
    "1e5_fresh": "Lemmas, 100 000 other classes: nothing was chosen on this sample",
    "1e6": "Lemmas, 1 000 000 classes",
    "all": "Lemmas, all 3 027 563 classes", "bibtex": "bibtex, 159 classes, several per query",
    "delicious": "delicious, 983 classes, several per query",
}  # fmt: skip
_DENSE = "xclass_dense"
_HEADINGS = (
    "method", "P@1, %", "95 %", "P@3, %", "P@5, %", "train s", "CPU s", "train peak, MB", "model, MB",
    "loaded, MB", "serve peak, MB", "one query, ms", "in batches, ms", "load",
)  # fmt: skip
_HEAD = """# xclass and its rivals on the same splits

`python benchmarks/rivals.py` measures what has no row yet; `--again 1e5/pecos` measures a row again. The data
are made by `benchmarks/rivals_data.py` (lemmas) and `benchmarks/rivals_mulan.py` (bibtex and delicious, whose
ARFF files come from github.com/tsoumakas/mulan, `data/multi-label`, and go into `mulan/` of the folder of
samples).

- **Data.** Lemmas: classes drawn at random, two training forms and one test form each (see rivals_data.py);
  everybody learns from `de:Hauses` -> `de:Haus`. `all` has up to two training forms.
- **Features.** The rivals get sublinear tf-idf of hashed character 2- to 5-grams in a file, whose making is
  *not* measured: their seconds and peaks begin with finished features. fastText makes its own subwords.
  xclass begins with the texts: its seconds and peaks hold the hashing, and its idf, as those of
  `sklearn_means_texts` do.
- **Peaks** are high-water marks of the whole process, libraries included, in MB of 10^6 bytes. *Loaded* is
  resident after the model answered once (xclass: after it was opened; its models are mapped), *serve peak*
  while all queries are answered.
- **Seconds** were taken on a shared machine: *load* is its load average when the row began and ended, on
  {cpus} processors. *CPU s* of the same work is disturbed less. One thread unless a row says otherwise.
- Settings are the libraries' defaults, see rivals_methods.py; none was tuned on these data. Of xclass the
  2- to 4-grams, the power of counts and the rates of the dense vectors were chosen on the test rows of 1e5
  classes, of bibtex and of delicious; on `1e5_fresh` and `1e6` nothing was. `_5` has the rivals' n-grams,
  `_texts_4` those of xclass. What does not end in 15 minutes or needs more than the memory it is given is
  recorded so.

"""


def write_report(folder: Path) -> None:
    """Make the README again.

    Args:
        folder: of the record, with ``rows``.
    """
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "rows").glob("*"))]
    if not documents:
        return
    parts = [_HEAD.format(cpus=documents[0]["machine"]["num_cpus_allowed"])]
    for size, title in _SIZES.items():
        rows = [row for row in documents if row["data"] == size]
        if rows:
            parts.append(f"## {title}\n\n{_table(rows)}{_failures(rows)}{_bars(rows)}\n")
    parts.append(_commands(documents))
    (folder / "README.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    print(folder / "README.md")


def _table(rows: list[dict[str, Any]]) -> str:
    measured = sorted(
        (row for row in rows if "failed" not in row), key=lambda row: -row["metrics"]["P@1"]["value"]
    )
    return markdown_table(_HEADINGS, [_cells(row) for row in measured])


def _cells(row: dict[str, Any]) -> list[str]:
    train, serve, metrics = row["train"], row["serve"], row["metrics"]
    first = metrics["P@1"]
    bold = "**" if row["method"].startswith("xclass") else ""
    return [
        f"{bold}{row['method']}{bold}: {row['what']}",
        f"{100 * first['value']:.2f}",
        f"{100 * first['low']:.2f}-{100 * first['high']:.2f}",
        *(f"{100 * metrics[name]['value']:.2f}" if name in metrics else "-" for name in ("P@3", "P@5")),
        f"{train['seconds']:.1f}",
        f"{train['cpu_seconds']:.1f}" if "cpu_seconds" in train else "-",
        *(
            f"{number / 1e6:,.0f}"
            for number in (
                train["peak_rss_bytes"], train["model_bytes"],
                serve["load_rss_bytes"], serve["peak_rss_bytes"],
            )
        ),
        f"{1e3 * serve['single_median_seconds']:.2f}",
        f"{1e3 * serve['seconds_per_query']:.3f}",
        "-".join(f"{load:.1f}" for load in row["load_average"]),
    ]  # fmt: skip


def _failures(rows: list[dict[str, Any]]) -> str:
    lines = [f"- `{row['method']}` ({row['what']}): {row['failed']}" for row in rows if "failed" in row]
    return "\nNot measured:\n\n" + "\n".join(lines) + "\n" if lines else ""


def _bars(rows: list[dict[str, Any]]) -> str:
    """The best of xclass beside the best rival, and the best dense vectors beside the best sparse ones."""
    done = [row for row in rows if "failed" not in row]
    own = [row for row in done if row["method"].startswith("xclass")]
    rival = _best([row for row in done if row not in own and "_texts" not in row["method"]])
    if rival is None or not own:
        return ""
    mine = _best(own)
    assert mine is not None
    share = mine["train"]["peak_rss_bytes"] / rival["train"]["peak_rss_bytes"]
    lines = [
        f"- Best: `{mine['method']}` {_percent(mine)} against `{rival['method']}` {_percent(rival)}, "
        f"with {share:.2f} of its training peak."
    ]
    for other in done:
        if "_texts" in other["method"]:
            share = mine["train"]["peak_rss_bytes"] / other["train"]["peak_rss_bytes"]
            lines.append(
                f"- `{other['method']}`, from the same texts: {_percent(other)}; {share:.2f} of its peak."
            )
    dense = _best([row for row in own if row["method"].startswith(_DENSE)])
    sparse = _best([row for row in done if row["method"] in ("xclass_sparse_means", "sklearn_means")])
    if dense and sparse:
        gap = 100 * (sparse["metrics"]["P@1"]["value"] - dense["metrics"]["P@1"]["value"])
        lines.append(
            f"- Best dense vectors: `{dense['method']}` {_percent(dense)}, {gap:.2f} points behind "
            f"`{sparse['method']}` {_percent(sparse)}."
        )
    return "\n" + "\n".join(lines) + "\n"


def _best(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return max(rows, key=lambda row: row["metrics"]["P@1"]["value"], default=None)


def _percent(row: dict[str, Any]) -> str:
    return f"{100 * row['metrics']['P@1']['value']:.2f} %"


def _commands(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"- `{row['row']}`: `python -m xclass {' '.join(row['words'])}`" for row in rows if "words" in row
    ]
    versions = sorted({
        f"{row['package']} {row['train']['version']}" for row in rows if "version" in row.get("train", {})
    })  # fmt: skip
    machine = rows[0]["machine"]
    facts = [f"{key} {machine[key]}" for key in ("processor", "kernel", "python") if key in machine]
    return (
        "## Commands of xclass's rows\n\n" + "\n".join(lines)
        + f"\n\nVersions: {', '.join(versions)}. Machine: {', '.join(facts)}.\n"
    )  # fmt: skip


if __name__ == "__main__":
    write_report(Path(__file__).parent / "records" / "rivals")
