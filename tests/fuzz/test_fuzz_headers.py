"""Arrays whose headers lie: .npy, .safetensors, and tables of texts and of sparse features."""

import json

import numpy as np
import pytest
from hypothesis import strategies as st
from nonsense import HOSTILE_TEXT, JSON, NASTY, TOO_DEEP, changed, damaged, fuzz, only_own_errors

from xclass.classifiers.amend.change import read_ids, read_vectors
from xclass.classifiers.model_folder import map_array
from xclass.data.embeddings.layout import npy_array, safetensors_arrays
from xclass.data.text.config import TableFormat, TextConfig
from xclass.data.text.prepare import prepare
from xclass.data.xmc.config import XmcConfig
from xclass.data.xmc.prepare import prepare as prepare_xmc
from xclass.errors import DataError


def npy(header, version=1):
    """A .npy file of any header, and 24 bytes behind it."""
    text = header if isinstance(header, bytes) else repr(header).encode("latin-1", "replace")
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + bytes(24)


def safetensors(header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(24)


GOOD = {"descr": "<f4", "fortran_order": False, "shape": (2, 3)}
TENSORS = {
    "embeddings": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "__metadata__": {"a": "b"},
}
VALUES = st.one_of(
    JSON, st.tuples(JSON, JSON), st.sampled_from(["|O", "<f4", ">f4", "<f2", "O", (1 << 62, 1 << 62)])
)
NPY = st.one_of(
    st.fixed_dictionaries({"descr": VALUES, "fortran_order": VALUES, "shape": VALUES}).map(npy),
    st.sampled_from(list(GOOD)).flatmap(lambda key: VALUES.map(lambda value: npy(GOOD | {key: value}))),
    st.sampled_from([b"(" * 5000, b"-" * 9000 + b"1", b"{" * 5000, b"1+" * 4000, *TOO_DEEP]).map(
        lambda t: npy(t, 2)
    ),
    damaged(npy(GOOD)),
)
SAFETENSORS = st.one_of(
    changed(TENSORS).map(safetensors), st.sampled_from(TOO_DEEP).map(safetensors),
    damaged(safetensors(TENSORS)),
    st.integers(0, (1 << 64) - 1).map(lambda length: length.to_bytes(8, "little") + b"{}"),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow encountered")  # of numpy's product of the sizes that lie
@fuzz(NPY)
def test_an_npy_file_that_lies(tmp_path, content):
    """In the launcher's reader and in numpy's own; neither allocates what the header promises."""
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for read in (
        npy_array,
        lambda p: map_array(p, (2, 3)),
        lambda p: read_ids(str(p)),
        lambda p: read_vectors(str(p)),
    ):
        with only_own_errors():
            read(path)


@fuzz(SAFETENSORS)
def test_a_safetensors_file_that_lies(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with only_own_errors():
        for layout in safetensors_arrays(path).values():
            assert layout.offset_bytes + layout.value_bytes * int(np.prod(layout.shape)) <= len(content)


def test_good_headers_are_read(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(GOOD))
    assert npy_array(tmp_path / "a.npy").shape == (2, 3)
    (tmp_path / "a.safetensors").write_bytes(safetensors(TENSORS))
    assert safetensors_arrays(tmp_path / "a.safetensors")["embeddings"].shape == (2, 3)


@pytest.mark.parametrize("content", [b"\x93NUMPY\x01", npy(b"(" * 5000, 2), npy(GOOD | {"shape": (-2, 3)})])
def test_headers_that_once_were_tracebacks(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npy: (its header cannot be read|no \.npy file)"):
        npy_array(tmp_path / "a.npy")


CELLS = st.one_of(HOSTILE_TEXT, st.sampled_from(["a", "b", "c c"]))
TABLES = {
    "tsv": "text\tclass\n" + "".join(f"word {i}\tclass {i % 3}\n" for i in range(12)),
    "csv": "text,class\n" + "".join(f'"word, {i}",class {i % 3}\n' for i in range(12)),
    "jsonl": "".join(f'{{"text": "word {i}", "class": ["class {i % 3}", {i % 2}]}}\n' for i in range(12)),
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_a_table_of_nonsense(tmp_path, kind):
    rows = st.lists(st.tuples(CELLS, CELLS), max_size=6).map(
        lambda cells: (TABLES[kind] + "".join(f"{a}\t{b}\n{b},{a}\n" for a, b in cells)).encode(
            "utf-8", "replace"
        )
    )
    lines = st.lists(st.fixed_dictionaries({"text": JSON, "class": JSON}), max_size=4).map(
        lambda objects: "".join(json.dumps(o) + "\n" for o in objects).encode()
    )

    @fuzz(st.one_of(rows, lines, damaged(TABLES[kind].encode()), st.sampled_from(TOO_DEEP)))
    def check(content):
        path = tmp_path / f"t.{kind}"
        path.write_bytes(content)
        with only_own_errors():
            prepare(
                TextConfig(
                    path=str(path), cache=str(tmp_path / "cache"), format=TableFormat(kind), test_share=0.4
                )
            )

    check()


XMC = "3 5 4\n0,1 0:0.5 3:1e-3\n2 1:1\n 4:2.5\n" * 1


PIECES = st.lists(st.sampled_from([*NASTY, "0:1", ",", " ", "1", "\n"]), max_size=12)
LINES = PIECES.map(lambda pieces: (XMC + "".join(pieces)).encode("utf-8", "replace"))


@fuzz(st.one_of(damaged(XMC.encode()), LINES))
def test_a_file_of_sparse_features_of_nonsense(tmp_path, content):
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    with only_own_errors():
        prepare_xmc(XmcConfig(path=str(path), cache=str(tmp_path / "cache"), test_share=0.4), lambda *_: None)
