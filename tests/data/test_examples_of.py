"""Every source finds the examples and the names of its classes as its batches and single names have them."""

import numpy as np
import pytest
from test_lemmas_source import WORDS as LEMMAS
from test_lemmas_source import FakeDictionaries, LemmasSource
from test_lemmas_source import prepare as prepare_lemmas
from test_synthetic import make
from test_text_prepare import ROWS, SINGLE
from test_xmc_source import EXAMPLES, HELD_OUT, opened, written
from text_tables import open_text, write_tsv

from xclass.data.base import Texts, slice_inputs
from xclass.data.text.config import TextConfig
from xclass.data.xmc.config import XmcConfig


def lemmas(folder):
    return LemmasSource(prepare_lemmas(folder, dictionaries=FakeDictionaries(LEMMAS)), num_classes=90, seed=3)


def text(folder, rows=ROWS, num_classes=None):
    path = write_tsv(folder / "t.tsv", rows)
    separator = None if rows is SINGLE else "|"
    config = TextConfig(path=str(path), cache=str(folder / "cache"), class_separator=separator)
    return open_text(config, num_classes=num_classes)


def xmc(folder):
    (folder / "train.txt").write_bytes(written(EXAMPLES))
    (folder / "test.txt").write_bytes(written(HELD_OUT))
    paths = {"path": str(folder / "train.txt"), "test_path": str(folder / "test.txt")}
    return opened(XmcConfig(**paths, cache=str(folder / "cache")))[0]


MAKERS = {
    "synthetic": lambda _: make(uniform_share=1.0),
    "lemmas": lemmas,
    "text": lambda folder: text(folder, SINGLE),
    "text, several classes": text,
    "text, fewer classes": lambda folder: text(folder, num_classes=20),
    "xmc": xmc,
}


@pytest.fixture(scope="module", params=list(MAKERS))
def source(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp("data"))


def contents(inputs):
    """Each example as bytes."""
    parts = [slice_inputs(inputs, at, at + 1) for at in range(len(inputs))]
    if isinstance(inputs, np.ndarray):
        return sorted(part.tobytes() for part in parts)
    if isinstance(inputs, Texts):
        return sorted(part.bytes_.tobytes() for part in parts)
    return sorted(part.columns.tobytes() + part.values.tobytes() for part in parts)


def test_the_examples_of_a_class_are_those_of_a_scan_that_have_it(source):
    scanned = source.scan_batch(0, source.num_train)
    rng = np.random.default_rng(0)
    for class_id in {0, source.num_classes - 1, *rng.integers(0, source.num_classes, 9).tolist()}:
        found = source.examples_of(class_id, 10**6)
        assert set(found.classes_B.tolist()) == {class_id}
        places = np.flatnonzero(scanned.classes_B == class_id)
        expected = [contents(slice_inputs(scanned.inputs, at, at + 1))[0] for at in places.tolist()]
        assert contents(found.inputs) == sorted(expected)
        assert len(source.examples_of(class_id, 1)) == 1


def test_names_read_in_one_go_are_the_single_ones(source):
    names = source.class_names(0, source.num_classes)
    assert names == [source.class_name(class_id) for class_id in range(source.num_classes)]
    assert source.class_names(3, 7) == names[3:7]
    assert source.class_names(3, 3) == []


def test_classes_without_an_even_share_have_no_examples_that_could_be_found():
    assert len(make(uniform_share=0.0).examples_of(3, 10)) == 0
