"""The flags of the command, its folders and its installed form."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

import xclass
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import RunConfig
from xclass.data.registry import DATA_CONFIGS


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_top_level_key_method_and_data_source(type_words, flag):
    answer = type_words(flag)
    assert (answer["exit_code"], answer["err"]) == (0, "")
    for field in fields(RunConfig):
        assert re.search(rf"\b{field.name}\b", answer["out"]), f"{field.name} is not in --help"
    for name in (*DATA_CONFIGS, *METHOD_CONFIGS):
        assert re.search(rf"\b{name}\b", answer["out"]), f"{name} is not in --help"
    assert max(len(line) for line in answer["out"].splitlines()) <= 120


def test_help_is_shown_even_beside_a_mistake(type_words):
    assert type_words("classes=abc", "--help")["exit_code"] == 0


def test_every_example_of_the_help_is_accepted(type_words):
    examples = re.findall(
        r"^  python -m xclass((?: \S+=\S+| -m)*)", type_words("--help")["out"], re.MULTILINE
    )
    assert len(examples) >= 5
    for example in examples:
        # A range is checked after all words were understood, so that only it is left to refuse.
        answer = type_words(*example.split(), "budget.minutes=-1")
        assert answer["err"].startswith("xclass: budget.minutes=-1"), (example, answer)


def test_version(type_words):
    assert type_words("--version") == {
        "exit_code": 0, "out": f"xclass {xclass.__version__}\n", "err": "", "left_behind": []
    }  # fmt: skip


def test_cfg_job_prints_the_whole_configuration(type_words):
    answer = type_words("--cfg", "job", "dim=16")
    printed = yaml.safe_load(answer["out"])
    assert set(printed) == {field.name for field in fields(RunConfig)}
    assert printed["dim"] == 16


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--cfg", "hydra"], "outputs/"),
        (["-c", "all"], "bayes_accuracy"),
        (["dim=8", "--cfg", "job", "seed=4"], "seed: 4"),
        (["--cfg", "job", "--package", "data"], "bayes_accuracy"),
        (["--cfg", "job", "--resolve"], "batch_size: 512"),
        (["--info"], "Defaults List"),
        (["--info", "defaults"], "data/synthetic"),
        (["--hydra-help"], "--multirun"),
    ],
)
def test_hydras_own_flags_work(type_words, words, says):
    answer = type_words(*words)
    assert (answer["exit_code"], answer["err"]) == (0, "")
    assert says in answer["out"]


def test_the_installed_command_is_the_same(type_words, tmp_path):
    script = Path(sys.executable).parent / "xclass"
    if not script.exists():
        pytest.skip("xclass is not installed beside this Python")
    done = subprocess.run(
        [script, "--cfg", "job", "classes=5M"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == type_words("--cfg", "job", "classes=5M")["out"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["hydra.run.dir=/tmp/with space/x"], "run.dir", "/tmp/with space/x"),
        (["hydra.run.dir='/tmp/with space, comma=x'"], "run.dir", "/tmp/with space, comma=x"),
        (['hydra.run.dir="/tmp/[brackets]"'], "run.dir", "/tmp/[brackets]"),
    ],
)
def test_values_with_spaces_and_quotes(type_words, words, key, value):
    answer = type_words("--cfg", "hydra", *words)
    assert answer["exit_code"] == 0, answer["err"]
    assert yaml.safe_load(answer["out"])["hydra"]["run"]["dir"] == value


def test_a_folder_of_ones_own_adds_experiments(type_words, tmp_path):
    (tmp_path / "my folder" / "experiment").mkdir(parents=True)
    file = tmp_path / "my folder" / "experiment" / "mine.yaml"
    file.write_text("# @package _global_\nclasses: 123\n")
    flag = ["--config-dir", str(tmp_path / "my folder")]
    assert type_words(*flag, "experiment=mine", "--cfg", "job")["out"].startswith("classes: 123\n")
    assert "mine" in type_words(*flag, "experiment=min")["err"]
    file.write_text("# @package _global_\nclasses: abc\n")
    answer = type_words(*flag, "experiment=mine")
    assert answer["exit_code"] == 2
    assert len(answer["err"].splitlines()) == 1
    assert "classes=" in answer["err"]
