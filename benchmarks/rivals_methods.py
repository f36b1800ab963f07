"""The rivals, each as two functions: fit and save, load and answer. A library is imported where it is used.

All get the same features (:mod:`rivals_features`), but fastText, which makes its own subwords of the texts.
Settings are each library's defaults unless a line says why not; none was tuned on these data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rivals_features import read_part
from scipy.sparse import csr_matrix, load_npz, save_npz

TOP_K = 5
Answer = Callable[[csr_matrix], np.ndarray]
"""Rows of features -> (B, 5) classes, best first, -1 for none."""


@dataclass(frozen=True, slots=True)
class Rival:
    """One rival.

    Attributes:
        package: of which the version is recorded.
        what: a line for the table.
        fit: learns from a sample's folder, saves into a folder.
        load: a saved model -> its answers.
        is_apart: it needs the environment of ``rivals_environment.sh``.
        takes_texts: its rows are lines of text and not of features.
    """

    package: str
    what: str
    fit: Callable[[Path, Path, int], None]
    load: Callable[[Path, int], Callable[[Any], np.ndarray]]
    is_apart: bool = False
    takes_texts: bool = False


def _save_means(sample: Path, model: Path, threads: int) -> None:
    from sklearn.preprocessing import normalize

    x, y = read_part(sample, "train")
    save_npz(model / "means.npz", normalize(y.T.tocsr() @ x), compressed=False)


def _load_means(model: Path, threads: int) -> Answer:
    return _nearest(load_npz(model / "means.npz"), None)


def _fit_means_of_texts(sample: Path, model: Path, threads: int, max_n: int = 5) -> None:
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.preprocessing import normalize

    _, y = read_part(sample, "train")
    counts = _hashed(read_lines(sample, "train"), max_n)
    weighting = TfidfTransformer(sublinear_tf=True).fit(counts)
    means = normalize(y.T.tocsr() @ weighting.transform(counts, copy=False))
    save_npz(model / "means.npz", means, compressed=False)
    np.save(model / "idf.npy", weighting.idf_)


def _load_means_of_texts(model: Path, threads: int, max_n: int = 5) -> Callable[[list[str]], np.ndarray]:
    from sklearn.feature_extraction.text import TfidfTransformer

    weighting = TfidfTransformer(sublinear_tf=True)
    weighting.idf_ = np.load(model / "idf.npy", allow_pickle=False)
    answer = _load_means(model, threads)
    return lambda lines: answer(weighting.transform(_hashed(lines, max_n), copy=False))


def _hashed(lines: list[str], max_n: int) -> csr_matrix:
    """Counts of 2- to 4- or 5-grams of ``<de:form>``, as scikit-learn makes them."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char", ngram_range=(2, max_n), n_features=1 << 18, alternate_sign=False, norm=None,
        lowercase=False, dtype=np.float32,
    )  # fmt: skip
    return vectorizer.transform(f"<{line.replace(': ', ':', 1)}>" for line in lines)


def _save_examples(sample: Path, model: Path, threads: int) -> None:
    x, y = read_part(sample, "train")
    save_npz(model / "x.npz", x, compressed=False)
    save_npz(model / "y.npz", y, compressed=False)


def _load_examples(model: Path, threads: int) -> Answer:
    return _nearest(load_npz(model / "x.npz"), load_npz(model / "y.npz"))


def _nearest(rows: csr_matrix, classes: csr_matrix | None) -> Answer:
    """scikit-learn's exact search by cosine; with classes, the sum of the similarities of ten neighbours."""
    from sklearn.neighbors import NearestNeighbors

    num_neighbours = TOP_K if classes is None else 10
    search = NearestNeighbors(n_neighbors=num_neighbours, metric="cosine", algorithm="brute").fit(rows)

    def answer(queries: csr_matrix) -> np.ndarray:
        distances, places = search.kneighbors(queries)
        if classes is None:
            return places
        starts = np.arange(0, places.size + 1, num_neighbours)
        shape = (len(places), rows.shape[0])
        votes = csr_matrix((1 - distances.ravel(), places.ravel(), starts), shape) @ classes
        return best_of(votes)

    return answer


def _fit_linear(sample: Path, model: Path, threads: int) -> None:
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    x, y = read_part(sample, "train")
    dense_bytes = 8 * y.shape[1] * x.shape[1]
    if dense_bytes > 10e9:
        raise SystemExit(f"its dense weights of {y.shape[1]} x {x.shape[1]} are {dense_bytes / 1e9:.0f} GB")
    # int64 on purpose: with an int8 target scikit-learn 1.9 answers nonsense, see data_peers.
    fitted = OneVsRestClassifier(LinearSVC(), n_jobs=threads).fit(x, y.astype(np.int64))
    parts = fitted.estimators_
    np.save(model / "weights.npy", np.vstack([part.coef_ for part in parts]).astype(np.float32))
    np.save(model / "bias.npy", np.concatenate([part.intercept_ for part in parts]).astype(np.float32))


def _load_linear(model: Path, threads: int) -> Answer:
    weights = np.load(model / "weights.npy", allow_pickle=False)
    bias = np.load(model / "bias.npy", allow_pickle=False)
    return lambda queries: np.argsort(-(queries @ weights.T + bias), axis=1)[:, :TOP_K]


def _fit_omikuji(sample: Path, model: Path, threads: int) -> None:
    import omikuji

    settings = omikuji.Model.default_hyper_param()
    settings.n_trees = 1
    omikuji.Model.train_on_data(str(_xmc_file(sample)), settings, threads).save(str(model))


def _load_omikuji(model: Path, threads: int) -> Answer:
    import omikuji

    tree = omikuji.Model.load(str(model))

    def answer(queries: csr_matrix) -> np.ndarray:
        answers = [
            tree.predict(list(zip(columns.tolist(), values.tolist(), strict=True)), top_k=TOP_K)
            for columns, values in _rows(queries)
        ]
        return _filled([[place for place, _ in found] for found in answers])

    return answer


def _fit_napkinxc(sample: Path, model: Path, threads: int) -> None:
    from napkinxc.models import PLT

    x, y = read_part(sample, "train")
    classes = [columns.tolist() for columns, _ in _rows(y)]
    PLT(str(model), threads=threads, seed=0).fit(x, classes)


def _load_napkinxc(model: Path, threads: int) -> Answer:
    from napkinxc.models import PLT

    tree = PLT(str(model), threads=threads)
    tree.load()
    return lambda queries: _filled(tree.predict(queries, top_k=TOP_K))


def _fit_pecos(sample: Path, model: Path, threads: int) -> None:
    from pecos.xmc import Indexer, LabelEmbeddingFactory
    from pecos.xmc.xlinear.model import XLinearModel

    x, y = read_part(sample, "train")
    chain = Indexer.gen(LabelEmbeddingFactory.create(y, x, method="pifa"), threads=threads)
    XLinearModel.train(x, y, C=chain, threads=threads).save(str(model))


def _load_pecos(model: Path, threads: int) -> Answer:
    from pecos.xmc.xlinear.model import XLinearModel

    tree = XLinearModel.load(str(model), is_predict_only=True)
    return lambda queries: best_of(tree.predict(queries, beam_size=10, only_topk=TOP_K, threads=threads))


def _fit_fasttext(sample: Path, model: Path, threads: int) -> None:
    import fasttext

    # As many buckets as the others have columns; its 2 million would be 800 MB. Two examples of two words per
    # class need more than its five epochs. Words that are numbers of features have no subwords.
    subwords = {"minn": 2, "maxn": 5} if (sample / "train.tsv").exists() else {"minn": 0, "maxn": 0}
    fitted = fasttext.train_supervised(
        str(_fasttext_file(sample)), dim=100, epoch=20, lr=0.5, loss="hs", minCount=1, bucket=1 << 18,
        thread=threads, verbose=0, **subwords,
    )  # fmt: skip
    fitted.save_model(str(model / "model.bin"))


def _load_fasttext(model: Path, threads: int) -> Callable[[list[str]], np.ndarray]:
    import fasttext

    tree = fasttext.load_model(str(model / "model.bin"))
    prefix = len("__label__")
    return lambda lines: _filled(
        [[int(word[prefix:]) for word in words] for words in tree.predict(lines, k=TOP_K)[0]]
    )


def read_lines(sample: Path, part: str) -> list[str]:
    """The rows of a sample as text: language and form, or the numbers of the features."""
    if (sample / "train.tsv").exists():
        rows = (sample / f"{part}.tsv").read_text(encoding="utf-8").split("\n")[1:-1]
        return [f"{language}: {text}" for text, _, language, _ in (row.split("\t") for row in rows)]
    x, _ = read_part(sample, part)
    return [" ".join(f"f{place}" for place in columns.tolist()) for columns, _ in _rows(x)]


def write_inputs(sample: Path) -> None:
    """The training rows in the formats that omikuji and fastText read; not part of what is measured."""
    if _xmc_file(sample).exists():
        return
    x, y = read_part(sample, "train")
    with _fasttext_file(sample).open("w", encoding="utf-8") as file:
        for text, (classes, _) in zip(read_lines(sample, "train"), _rows(y), strict=True):
            file.write(" ".join([*(f"__label__{place}" for place in classes.tolist()), text]) + "\n")
    with _xmc_file(sample).open("w", encoding="utf-8") as file:
        file.write(f"{x.shape[0]} {x.shape[1]} {y.shape[1]}\n")
        for (columns, values), (classes, _) in zip(_rows(x), _rows(y), strict=True):
            cells = " ".join([f"{c}:{v:.6g}" for c, v in zip(columns.tolist(), values.tolist(), strict=True)])
            file.write(f"{','.join(map(str, classes.tolist()))} {cells}\n")


def _fasttext_file(sample: Path) -> Path:
    return sample / "features" / "train_fasttext.txt"


def _xmc_file(sample: Path) -> Path:
    return sample / "features" / "train_xmc.txt"


def _rows(matrix: csr_matrix) -> Any:
    """Columns and values of every row."""
    ends = matrix.indptr[1:-1]
    return zip(np.split(matrix.indices, ends), np.split(matrix.data, ends), strict=True)


def best_of(scores: csr_matrix) -> np.ndarray:
    """The five columns of greatest value of every row that has entries, best first, -1 behind them."""
    return _filled([columns[np.argsort(-values, kind="stable")[:TOP_K]] for columns, values in _rows(scores)])


def _filled(answers: list[Any]) -> np.ndarray:
    filled = np.full((len(answers), TOP_K), -1, dtype=np.int64)
    for row, found in zip(filled, answers, strict=True):
        row[: len(found)] = found[:TOP_K]
    return filled


RIVALS = {
    "sklearn_means": Rival(
        "scikit-learn", "class means, exact cosine", _save_means, _load_means
    ),
    "sklearn_means_texts": Rival(
        "scikit-learn", "class means from texts, hashing and idf within", _fit_means_of_texts,
        _load_means_of_texts, takes_texts=True,
    ),
    "sklearn_means_texts_4": Rival(
        "scikit-learn", "the same with 2- to 4-grams", partial(_fit_means_of_texts, max_n=4),
        partial(_load_means_of_texts, max_n=4), takes_texts=True,
    ),
    "sklearn_knn": Rival(
        "scikit-learn", "10 nearest examples, exact cosine", _save_examples, _load_examples
    ),
    "sklearn_svm": Rival(
        "scikit-learn", "LinearSVC, one versus rest", _fit_linear, _load_linear
    ),
    "omikuji": Rival("omikuji", "one Parabel tree", _fit_omikuji, _load_omikuji),
    "napkinxc": Rival("napkinxc", "probabilistic label tree", _fit_napkinxc, _load_napkinxc),
    "pecos": Rival("libpecos", "XR-Linear, PIFA, beam 10", _fit_pecos, _load_pecos, is_apart=True),
    "fasttext": Rival(
        "fasttext-wheel", "hierarchical softmax, dim 100, 20 epochs", _fit_fasttext, _load_fasttext,
        is_apart=True, takes_texts=True,
    ),
}  # fmt: skip
