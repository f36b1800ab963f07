"""Samples of the lemmas as plain files that every rival and ``data=text`` can read.

    python benchmarks/rivals_data.py                       # all samples, into /tmp/rivals_data
    python benchmarks/rivals_data.py --only 1e5 --out DIR

A sample has a folder ``lemmas_<size>`` with ``train.tsv`` and ``test.tsv``; their columns are ``text`` (a
word form), ``class`` (language and lemma, e.g. ``de:Haus``), ``language``, and ``tagged``, which is what
everybody learns from: the form behind its language, ``de:Hauses``. ``1e4``, ``1e5`` and ``1e6`` are classes
drawn at random among those with at least three forms: two training forms, drawn at random, and one test form
per class. ``1e5_fresh`` is drawn again with another seed: nothing was chosen on its test rows. ``all`` has
every class, with up to two training forms; classes with a single form have no test form. The test file holds
20 000 test forms drawn at random, or as many as there are. Rows stand in random order.

The folder that ``data=lemmas`` has prepared is read, which ``python -m xclass data=lemmas`` makes.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from xclass.data.base import IntArray
from xclass.data.lemmas.config import LemmasConfig
from xclass.data.lemmas.entry import prepare
from xclass.data.lemmas.manifest import Manifest, read_manifest
from xclass.data.text_store import TextStore, map_array

DATA_FOLDER = Path("/tmp/rivals_data")
SIZES = ("1e4", "1e5", "1e5_fresh", "1e6", "all")
HEADER = "text\tclass\tlanguage\ttagged\n"
_FORMS = 2
"""Training forms per class, at most."""
_QUERIES = 20_000
_SEEDS = {"1e5_fresh": 1}
"""Of the other samples 0."""
_ROWS = 1 << 17
"""Rows written at a time: about 30 MB of Python strings."""


def main() -> None:
    """Write the samples that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--out", type=Path, default=DATA_FOLDER)
    arguments = parser.parse_args()
    for size in arguments.only:
        print(export(size, arguments.out))


def export(size: str, out: Path) -> Path:
    """Write one sample, or leave it where ``facts.json``, which comes last, says that it is there.

    Memory:
        about 300 MB for ``all``: 8 bytes per training form and class, and a batch of strings.
    """
    folder = out / f"lemmas_{size}"
    if (folder / "facts.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    lemmas = _Lemmas()
    seed = _SEEDS.get(size, 0)
    rng = np.random.default_rng(seed)
    classes = lemmas.draw_classes(None if size == "all" else int(float(size.removesuffix("_fresh"))), rng)
    positions, owners = lemmas.draw_forms(classes, rng)
    order = rng.permutation(len(positions))
    lemmas.write(folder / "train.tsv", lemmas.train, positions[order], owners[order])
    tests, owners = lemmas.draw_tests(classes, rng)
    lemmas.write(folder / "test.tsv", lemmas.test, tests, owners)
    facts = {
        "num_classes": len(classes), "num_train": len(positions), "num_test": len(tests), "seed": seed,
        "source": lemmas.manifest.source,
    }  # fmt: skip
    (folder / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return folder


class _Lemmas:
    """The prepared folder of ``data=lemmas``."""

    def __init__(self) -> None:
        config = LemmasConfig()
        facts = prepare(config, num_classes=config.default_classes, dim=1, seed=0, progress=lambda *_: None)
        folder = Path(facts["folder"])
        self.manifest: Manifest = read_manifest(folder)
        self.train = TextStore(folder, "train", num_texts=self.manifest.num_train)
        self.test = TextStore(folder, "test", num_texts=self.manifest.num_test)
        self._names = TextStore(folder, "names", num_texts=self.manifest.num_classes)
        self._starts = map_array(folder / "class_starts.u4", np.uint32).astype(np.int64)
        self._test_classes = map_array(folder / "test_classes.u4", np.uint32)
        self._languages = map_array(folder / "class_languages.u1", np.uint8)

    def draw_classes(self, num_classes: int | None, rng: np.random.Generator) -> IntArray:
        """Classes with at least three forms, of which one is held out; None: all there are."""
        if num_classes is None:
            return np.arange(self.manifest.num_classes)
        (rich,) = np.nonzero(np.diff(self._starts) >= _FORMS)
        return np.sort(rng.choice(rich, num_classes, replace=False))

    def draw_forms(self, classes: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Positions of up to two different training forms of each class, and their classes."""
        starts, sizes = self._starts[classes], np.diff(self._starts)[classes]
        first = rng.integers(0, sizes)
        second = rng.integers(0, np.maximum(sizes - 1, 1))
        second += second >= first
        has_two = sizes >= _FORMS
        positions = np.concatenate([starts + first, (starts + second)[has_two]])
        return positions, np.concatenate([classes, classes[has_two]])

    def draw_tests(self, classes: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Positions of held-out forms of these classes, and their classes."""
        (found,) = np.nonzero(np.isin(self._test_classes, classes))
        drawn = rng.choice(found, min(_QUERIES, len(found)), replace=False)
        return drawn, self._test_classes[drawn].astype(np.int64)

    def write(self, path: Path, store: TextStore, positions: IntArray, classes: IntArray) -> None:
        """Rows of text, class and language."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(HEADER)
            for start in range(0, len(positions), _ROWS):
                part = slice(start, start + _ROWS)
                texts, names = _strings(store, positions[part]), _strings(self._names, classes[part])
                for text, name, code in zip(texts, names, self._languages[classes[part]], strict=True):
                    assert not {"\t", "\n"} & set(text + name)
                    language = self.manifest.languages[code]
                    file.write(f"{text}\t{language}:{name}\t{language}\t{language}:{text}\n")


def _strings(store: TextStore, positions: IntArray) -> list[str]:
    bytes_, offsets = store.gather(positions)
    whole, bounds = bytes_.tobytes(), offsets.tolist()
    return [whole[start:stop].decode() for start, stop in pairwise(bounds)]


if __name__ == "__main__":
    main()
