"""Every format gives the same data, and every kind of damage one line with file, line and remedy."""

import csv
import gzip
import importlib.util
import json
import os
from pathlib import Path

import pytest
from text_tables import open_text, rows_of

from xclass.data.text import streams
from xclass.data.text.config import TableFormat, TextConfig
from xclass.data.text.prepare import prepare
from xclass.errors import ConfigError, DataError

ROWS = [(f"text {i} é", ["one", f"class {i % 3}"][: 1 + i % 2]) for i in range(40)]
TEST = [("asked 1", ["one"]), ("asked 2", ["class 1", "never trained"]), ("asked 3", ["never trained"])]


def write(path, rows):
    """A table in the format that the name asks for."""
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.table({"class": [c for _, c in rows], "text": [t for t, _ in rows]})
        pyarrow.parquet.write_table(table, path, row_group_size=16)
        return path
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        if kind == "jsonl":
            file.writelines(
                json.dumps({"text": t, "class": c if len(c) > 1 else c[0]}) + "\n" for t, c in rows
            )
        else:
            writer = csv.writer(file, delimiter="\t" if kind == "tsv" else ",")
            writer.writerows([("text", "class"), *((t, "|".join(c)) for t, c in rows)])
    return path


def config_of(path, **settings):
    cache = str(Path(path).parent / "cache")
    return TextConfig(**{"path": str(path), "cache": cache, "test_share": 0.4} | settings)


def copy_of(path):
    copy = path.with_name(f"copy_{path.name}")
    copy.write_bytes(path.read_bytes())
    return copy


def content(source):
    train = rows_of(source, source.example_batch(0, source.num_examples))
    return [(text, sorted(names)) for text, _, names in train]


@pytest.mark.parametrize(
    "name", ["t.tsv", "t.csv", "t.jsonl", "t.parquet", "t.tsv.gz", "t.csv.gz", "t.jsonl.gz"]
)
def test_every_format_gives_the_same_data(tmp_path, name):
    pytest.importorskip("pyarrow")
    separator = "|" if name[2] in "tc" else None
    test = write(tmp_path / f"test_{name}", TEST)
    config = config_of(write(tmp_path / name, ROWS), test_path=str(test), class_separator=separator)
    source = open_text(config)
    assert content(source) == [(text, sorted(classes)) for text, classes in ROWS]
    asked = rows_of(source, source.queries(10, seed=0))
    assert sorted((text, names) for text, _, names in asked) == [
        ("asked 1", ("one",)),
        ("asked 2", ("class 1",)),
    ]
    facts = source.facts()
    assert (facts["num_test"], facts["num_test_left_out"]) == (2, 1)
    assert set(facts["source_sha256"]) == {config.path, config.test_path}


def test_a_folder_is_read_file_by_file_in_the_order_of_names(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    write(folder / "b.jsonl", ROWS[20:])
    write(folder / "a.jsonl.gz", ROWS[:20])
    (folder / "_SUCCESS").write_text("")
    config = TextConfig(path=str(folder), cache=str(tmp_path / "cache"), test_path=str(folder / "b.jsonl"))
    assert content(open_text(config)) == [(text, sorted(classes)) for text, classes in ROWS]


@pytest.mark.parametrize(
    ("name", "text", "settings"),
    [
        ("mark.tsv", "\ufefftext\tclass\r\n\r\na b\tX\r\n\r\nc\tY\r\n", {}),
        ("open.tsv", "text\tclass\na b\tX\nc\tY", {}),
        ("bare.txt", "7\ta b\tX\n8\tc\tY\n", {"header": False, "text_column": "2", "class_column": "3"}),
        ("semi.csv", 'class;text\nX;"a b"\nY;c\n', {"delimiter": ";"}),
        ("other.data", "name\tkind\na b\tX\nc\tY\n",
         {"format": TableFormat.tsv, "text_column": "name", "class_column": "kind"}),
        ("number.jsonl", '{"text": "a b", "class": "X"}\n\n{"class": ["Y"], "text": "c", "more": 1}\n', {}),
        ("gaps.tsv", "text\tclass\na b\tX\n\tY\nz\t \nc\tY\n", {"skip_incomplete": True}),
    ],
)  # fmt: skip
def test_the_dialects_of_real_files_are_read(tmp_path, name, text, settings):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    source = open_text(config_of(path, **settings, test_path=str(copy_of(path))))
    assert content(source) == [("a b", ["X"]), ("c", ["Y"])]
    assert source.facts()["num_rows_skipped"] == (4 if name == "gaps.tsv" else 0)


def test_a_quoted_field_holds_lines_and_delimiters(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('text,class\n"a\nb, ""c""",X\nd,Y\n', encoding="utf-8")
    assert content(open_text(config_of(path, test_path=str(copy_of(path))))) == [
        ('a\nb, "c"', ["X"]),
        ("d", ["Y"]),
    ]


WRONG = [
    ("t.tsv", "text\tclass\na\tX\nb\n", ":3: 1 columns in place of 2; .*data.format=csv"),
    ("t.tsv", "text\tclass\na\tX\n \tY\n", ":3: no text in column text; .*data.skip_incomplete=true"),
    ("t.tsv", "text\tclass\na\tX\nb\t\n", ":3: no class in column class"),
    ("t.tsv", "name\tclass\na\tX\n", ":1: no column named text; there are: name, class; .*data.header=false"),
    ("t.tsv", "text\ttext\tclass\n", ":1: two columns named text"),
    ("t.csv", 'text,class\na,X\n\n"b\nc,Y\nd,Z\n', ":4: unexpected end of data; close the quote"),
    ("t.csv", 'text,class\n"a" b,X\n', ":2: .*expected after.*; close the quote"),
    ("t.jsonl", '{"text": "a", "class": "X"}\n{"text": "b", "cl', ":2: no JSON: .*; write one object"),
    ("t.jsonl", '\n["a", "X"]\n', ":2: a list in place of an object"),
    ("t.jsonl", '{"text": "a", "kind": "X"}\n', ":1: no class; there is: text, kind; .*data.class_column"),
    ("t.jsonl", '{"text": 5, "class": "X"}\n', ":1: text holds a int; write a text"),
    ("t.jsonl", '{"text": "a", "class": 0.5}\n', ":1: class holds a float; write"),
    ("t.jsonl", '{"text": "a", "class": []}\n', ":1: no class in column class"),
    ("t.jsonl", '{"text": "\\ud800", "class": "X"}\n', ":1: half of a surrogate pair"),
    ("t.tsv", b"text\tclass\na\tX\nb\xe9\tY\n", ":3: byte 0xe9 is no UTF-8; .*iconv"),
    ("t.tsv.gz", gzip.compress(b"text\tclass\na\tX\n" * 99)[:-20], ":1: Compressed file ended .*gzip -t"),
    ("t.tsv.gz", b"text\tclass\n", ":1: Not a gzipped file.*gzip -t"),
    ("t.parquet", b"PAR1 but not really", ":1: Parquet magic bytes.* no Parquet: write it again"),
    ("t.tsv", "text\tclass\na\tX\nb\tX\n", ": 1 class; a classifier needs 2; is data.class_column right"),
    ("t.tsv", "", ": no rows in it"),
    ("t.tsv", "text\tclass\na\tX\nb\tY\n", ": no example can be held out, .*; name test examples"),
    ("t.tsv", "te\x1b[31mxt\tclass\n", r":1: no column named text; there are: te\?\[31mxt, class"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words"), WRONG, ids=[f"{n}{w[:24]}" for n, _, w in WRONG])
def test_damage_is_one_line_and_leaves_nothing(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f"{path}{words}") as caught:
        prepare(config_of(path))
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").iterdir())


def test_test_examples_of_other_classes_only_are_refused(tmp_path):
    test = write(tmp_path / "test.tsv", [("asked", ["Class 1"]), ("asked too", ["ONE"])])
    with pytest.raises(DataError, match=r"test\.tsv: none of its classes is one of the training"):
        prepare(config_of(write(tmp_path / "t.tsv", ROWS), test_path=str(test)))


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_ROW_BYTES", 1000)
    monkeypatch.setattr(streams, "_BLOCK_BYTES", 512)
    path = tmp_path / "t.tsv"
    path.write_bytes(b"text\tclass\na\tX\n" + b"b" * 5000)
    with pytest.raises(DataError, match=r"t\.tsv:3: a line of more than 1000 bytes; is data\.format right"):
        prepare(config_of(path))


def test_lines_are_counted_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "_BLOCK_BYTES", 16)
    path = tmp_path / "t.tsv"
    path.write_text("text\tclass\n" + "a long text of the kind\tX\n" * 50 + "b\n")
    with pytest.raises(DataError, match=r"t\.tsv:52: 1 columns"):
        prepare(config_of(path))


@pytest.mark.parametrize("name", ["t.tsv", "t.parquet"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, name):
    path = write(tmp_path / name, ROWS)

    def touch(done, total, what):
        os.utime(path, ns=(1, done))

    with pytest.raises(DataError, match="it changed while it was read; wait until it is complete"):
        prepare(config_of(path, class_separator="|"), progress=touch)
    assert not list((tmp_path / "cache").iterdir())


def test_other_content_or_other_settings_are_prepared_anew(tmp_path):
    path = write(tmp_path / "t.tsv", ROWS)
    first = prepare(config_of(path))
    again = prepare(config_of(path), progress=lambda *call: pytest.fail("read again"))
    assert again == first
    assert prepare(config_of(path, class_separator="|")) != first
    assert prepare(config_of(path, test_share=0.2)) != first
    write(path, ROWS[:-1])
    assert prepare(config_of(path)) != first


def test_what_is_known_of_a_prepared_table_is_exact_and_before_it_a_guess(tmp_path):
    path = write(tmp_path / "t.tsv", ROWS)
    config = config_of(path, class_separator="|")
    assert (config.most_classes, config.num_train(100)) == (None, 100)
    assert config.num_train(2) == path.stat().st_size // 40
    with pytest.raises(ConfigError, match="classes=null: allowed is a number, as long as nobody has counted"):
        _ = config.default_classes
    source = open_text(config)
    assert config.default_classes == config.most_classes == source.num_classes
    for num_classes in (2, 3, source.num_classes):
        assert config.num_train(num_classes) == open_text(config, num_classes).num_train
    path.unlink()
    with pytest.raises(ConfigError, match=r"data\.path=.*: No such file or directory"):
        config.check_files()
    assert config.num_train(100) == 100


def test_parquet_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"t\.parquet: .*; pip install 'xclass\[parquet\]'"):
        config_of(path).check_files()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"test_share": 0.0}, r"data\.test_share=0\.0: allowed is above 0, to 0\.5"),
        ({"header": False}, r"data\.text_column=text: allowed is the number of a column"),
        ({"class_column": "text"}, r"data\.class_column=text: allowed is another column"),
        ({"delimiter": "ab"}, r"data\.delimiter='ab': allowed is one character"),
        ({"path": " "}, r"data\.path=' ': allowed is the path"),
        ({"path": None}, r"data\.path=null: .*; name it: path=FILE"),
        ({"path": "/proc/version"}, r"data\.path=/proc/version: allowed is names that end in tsv"),
    ],
)
def test_settings_that_no_table_can_have_are_refused_by_name(tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        TextConfig(**{"path": str(tmp_path), "cache": str(tmp_path)} | settings).check_files()
