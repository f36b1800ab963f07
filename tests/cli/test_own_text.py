"""A table of one's own on the command line: from its path to answers, and mistakes in one line."""

import pytest
from hydra import compose, initialize_config_dir
from real_runs import RunFolder

from xclass.cli.compose import config_dir, to_run_config
from xclass.cli.overrides import normalise_overrides
from xclass.schemas import register_schemas


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "my products, (1) = ünï 'n' \"co\".tsv"
    rows = [f"{name} size {i}\t{name} & co" for i in range(60) for name in ("bolt", "nut", "washer")]
    path.write_text("\n".join(["text\tclass", *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize("word", ["path", "data.path", "+path"])
def test_a_path_holds_whatever_a_file_name_may(table, word):
    register_schemas()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        words = normalise_overrides(
            ["data=text", f"{word}={table}", f"test={table}.gz", "data.test_share=0.2"]
        )
        config = to_run_config(compose("config", overrides=words))
    assert (config.data.path, config.data.test_path) == (str(table), f"{table}.gz")


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("data.delimiter=;", "delimiter", ";"),
        ("data.delimiter=tab", "delimiter", "\t"),
        ("data.delimiter=,", "delimiter", ","),
        ("data.class_separator=|", "class_separator", "|"),
        ("data.class_separator=, ", "class_separator", ","),
        ("data.text_column=Name (EN), long", "text_column", "Name (EN), long"),
        ("data.class_column=12", "class_column", "12"),
        ("data.format=csv", "format", "csv"),
        ("data.delimiter=null", "delimiter", None),
    ],
)
def test_columns_and_separators_are_taken_as_typed(word, key, value):
    register_schemas()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = to_run_config(compose("config", overrides=normalise_overrides(["data=text", word])))
    assert getattr(config.data, key) == value


def test_a_sweep_over_tables_stays_a_sweep():
    words = ["-m", "data=text", "path=a.tsv,b.tsv", "test=null"]
    assert normalise_overrides(words) == ["-m", "data=text", "data.path=a.tsv,b.tsv", "data.test_path=null"]
    assert normalise_overrides(["data.class_separator=,"]) == ['data.class_separator=","']
    assert normalise_overrides(["path=a.tsv,b.tsv"]) == ['data.path="a.tsv,b.tsv"']


def test_a_table_of_ones_own_is_compared_from_its_path(type_words, table, tmp_path):
    answer = type_words(
        "data=text", f"path={table}", f"data.cache={tmp_path / 'cache'}", "methods=[nearest_neighbour]",
        "measure.heap_pass=false", "evaluate.num_queries=10", "encoder.num_buckets=1024", "threads=1",
        f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert answer["exit_code"] == 0, answer["err"]
    run = RunFolder(tmp_path / "run")
    facts = run.record("text-prepare-rss")["data_facts"]
    assert (facts["num_classes"], facts["num_train"] + facts["num_test"]) == (3, 180)
    assert run.rows()["nearest_neighbour", "serve"]["verdict"] == "measured"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=text"], "data.path=null: allowed is a file, or a folder with files; name it: path=FILE"),
        (["data=text", "path=/no/such.tsv"], "data.path=/no/such.tsv: allowed is a file or a folder"),
        (
            ["path=a.tsv"],
            'data.path="a.tsv": allowed is a setting of the chosen data; it is one of data=text',
        ),
    ],
)
def test_a_table_that_is_not_there_is_said_before_anything_starts(type_words, words, said):
    answer = type_words(*words)
    assert answer["exit_code"] == 2
    assert answer["err"].startswith(f"xclass: {said}")
    assert answer["out"] == ""
