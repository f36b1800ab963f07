"""The methods in the manner of scikit-learn, in a minute: fit, ask, compare settings, save, open.

Run: ``python scripts/example_estimators.py``. The data is made here: product names, all of them misspelt.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split

from xclass import NearestNeighbour, SparseMeans

SYLLABLES = ["ka", "lo", "mi", "ru", "zo", "so", "na", "vi", "pe", "du"]


def products(num_classes: int, num_each: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts in which some letters are missing, and the name of the product that each means."""
    rng = np.random.default_rng(seed)
    texts, names = [], []
    for number in range(num_classes):
        name = "".join(rng.choice(SYLLABLES, size=5)) + f" {number % 100}"
        for _ in range(num_each):
            missing = set(rng.choice(len(name), size=2, replace=False).tolist())
            texts.append("".join(letter for place, letter in enumerate(name) if place not in missing))
            names.append(name)
    return texts, names


def main() -> None:
    """Print what each step gives."""
    write = sys.stdout.write
    texts, names = products(num_classes=1000, num_each=6)
    train_texts, test_texts, train_names, test_names = train_test_split(
        texts, names, stratify=names, test_size=1000, random_state=0
    )

    for model in (SparseMeans(), NearestNeighbour(dim=64)):
        share = model.fit(train_texts, train_names).score(test_texts, test_names)
        write(f"{type(model).__name__}: {share:.0%} of {len(test_texts)} right\n")

    search = GridSearchCV(SparseMeans(), {"bag": [{"max_n": 3}, {"max_n": 4}]}, cv=2)
    search.fit(train_texts, train_names)
    write(f"best of two settings: {search.best_params_}\n")

    with tempfile.TemporaryDirectory() as folder:
        search.best_estimator_.save(Path(folder) / "model")
        model = SparseMeans.load(Path(folder) / "model")
        classes, scores = model.predict_topk(test_texts[:3], k=2)
        for text, best, score in zip(test_texts, classes, scores, strict=False):
            write(f"{text}: {best[0]} ({score[0]:.2f}), then {best[1]} ({score[1]:.2f})\n")


if __name__ == "__main__":
    main()
