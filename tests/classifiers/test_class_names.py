"""Names beside a saved model: any text comes back as it was, and damage is refused by name."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.classifiers.class_names import NAMES_FOLDER, open_class_names, save_class_names
from xclass.errors import ModelError

HOSTILE = ["", "<script>alert(1)</script>", "a\nb\x00c", "\u202eabc", "=cmd()", "\x1b[31m", "\U0001f600" * 99]


@settings(max_examples=30)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=200))
def test_every_name_comes_back_as_it_was(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("model")
    save_class_names(folder, names)
    opened = open_class_names(folder)
    assert opened.names(range(len(names))) == names
    assert opened.names([len(names)])[0] == f"class {len(names)}", "added later, so without a name"
    shutil.rmtree(folder)


def test_hostile_names_are_kept_as_they_are_and_lone_surrogates_become_question_marks(tmp_path):
    save_class_names(tmp_path, [*HOSTILE, "\ud800x"])
    opened = open_class_names(tmp_path)
    assert opened.names(range(len(HOSTILE))) == HOSTILE
    assert opened.names([len(HOSTILE)])[0] == "?x"


def test_a_model_without_names_has_none(tmp_path):
    assert open_class_names(tmp_path) is None


def test_the_bytes_are_those_of_the_closed_form(tmp_path):
    names = [f"de:Haus{number:05}" for number in range(64_000)]
    save_class_names(tmp_path, names)
    files = [path for path in (tmp_path / NAMES_FOLDER).iterdir() if path.suffix != ".json"]
    assert sum(path.stat().st_size for path in files) == len(names) * (12 + 9 / 8)
    assert sum(open_class_names(tmp_path).held_bytes().values()) == len(names) * 9 / 8


def test_saving_again_replaces_and_a_failure_leaves_what_was_there(tmp_path):
    save_class_names(tmp_path, ["old"])

    def failing():
        yield "new"
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        save_class_names(tmp_path, failing())
    assert open_class_names(tmp_path).names([0])[0] == "old"
    assert [path.name for path in tmp_path.iterdir()] == [NAMES_FOLDER], "nothing half-written"
    save_class_names(tmp_path, ["new"])
    assert open_class_names(tmp_path).names([0])[0] == "new"


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(data[:-1])
    elif how == "longer":
        path.write_bytes(data + b"x")
    else:
        data[len(data) // 2] ^= 0x55
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, how) for name in ("bytes", "lengths", "starts") for how in ("missing", "truncated", "longer")]
    + [("lengths", "flipped"), ("starts", "flipped"), ("json", "missing"), ("json", "truncated")],
)
def test_damaged_files_are_refused_by_name(tmp_path, name, how):
    save_class_names(tmp_path, [f"\u00e4\u00f6 {number}" for number in range(200)])
    damage(tmp_path / NAMES_FOLDER / f"names.{name}", how)
    with pytest.raises(ModelError, match=re.escape(str(tmp_path))) as raised:
        open_class_names(tmp_path)
    assert len(str(raised.value).splitlines()) == 1


def test_offsets_that_point_elsewhere_are_refused(tmp_path):
    save_class_names(tmp_path, ["ab"] * 200)
    path = tmp_path / NAMES_FOLDER / "names.starts"
    starts = np.fromfile(path, np.int64)
    starts[1] = -5
    starts.tofile(path)
    with pytest.raises(ModelError, match="disagree"):
        open_class_names(tmp_path)


def test_bytes_that_are_no_text_are_refused_when_asked_for(tmp_path):
    save_class_names(tmp_path, ["ab", "cd"])
    (tmp_path / NAMES_FOLDER / "names.bytes").write_bytes(b"ab\xff\xfe")
    opened = open_class_names(tmp_path)
    assert opened.names([0])[0] == "ab"
    with pytest.raises(ModelError, match="class 1"):
        opened.names([1])[0]
