"""What becomes of a half-written folder when its process ends in the middle."""

import os
import signal
import subprocess
import sys

import pytest
from real_runs import ROOT

from xclass.data.publish import publishing

SCRIPT = """
import sys, time
from pathlib import Path
from xclass.data.publish import publishing

with publishing(Path(sys.argv[1]) / "first", room="1 GB") as partial:
    (partial / "half").write_text("written")
    sys.stdout.write("reached\\n")
    sys.stdout.flush()
    time.sleep(60)
"""


@pytest.fixture
def child(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == "reached\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_process_told_to_end_leaves_nothing_and_ends_by_the_signal(child, tmp_path):
    assert len(list(tmp_path.iterdir())) == 1
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_when_another_folder_is_written(child, tmp_path):
    child.kill()
    child.wait(20)
    assert len(list(tmp_path.iterdir())) == 1
    with publishing(tmp_path / "second", room="1 GB"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["second"]


def test_the_work_of_a_living_process_stays(child, tmp_path):
    with publishing(tmp_path / "second", room="1 GB"):
        pass
    assert len(list(tmp_path.iterdir())) == 2


def test_the_signal_is_handled_as_before_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with publishing(tmp_path / "folder", room="1 GB"):
        pass
    assert signal.getsignal(signal.SIGTERM) == before
