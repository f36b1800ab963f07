"""The words of ``python -m xclass.demo``: what is wrong is one line, before anything is opened."""

import subprocess
import sys

import pytest

from xclass.cli.demo import HELP, demo
from xclass.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=x", "open=maybe"], "open=maybe: allowed is true or false"),
        (["model=x", "open=true", "+open=true"], "once"),
        ([], "model="),
        (["model=x", "colour=red"], "colour=red"),
        (["model=x", "port=http"], "port=http"),
        (["model=x", "routes=os:system"], "routes=os:system"),
    ],
)
def test_a_wrong_word_is_refused_by_its_name(words, message):
    with pytest.raises(ConfigError) as raised:
        demo(words)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_model_that_is_not_there_is_one_line(tmp_path):
    words = [f"model={tmp_path / 'gone'}", "port=0"]
    done = subprocess.run(
        [sys.executable, "-m", "xclass.demo", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "gone" in done.stderr


def test_help_says_what_can_be_typed():
    done = subprocess.run(
        [sys.executable, "-m", "xclass.demo", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout == HELP
    assert max(map(len, HELP.splitlines())) <= 110
