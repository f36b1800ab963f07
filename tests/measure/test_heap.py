import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from xclass.errors import MeasurementError
from xclass.measure.blame import top_allocations
from xclass.measure.environment import pinned_environment
from xclass.measure.heap import read_heap, render_flamegraph, trace_heap

SIZE = 200 * 10**6


def run_traced(capture, kind):
    command = [sys.executable, str(Path(__file__).parent / "children" / "traced.py"), str(capture), kind]
    environment = {**os.environ, **pinned_environment(1, "pinned")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.memory
def test_heap_of_touched_bytes_and_its_picture(tmp_path):
    done = run_traced(tmp_path / "touched.bin", "touched")
    totals = json.loads(done.stdout)
    # 50 MB were allocated before the trace began: they are not part of it.
    assert totals["peak_heap_bytes"] == pytest.approx(SIZE, rel=0.01)
    assert totals["num_allocations"] >= 1
    picture = render_flamegraph(tmp_path / "touched.bin", tmp_path / "touched.html")
    assert picture.reason is None
    page = picture.html.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=[\"']?(https?:)?//", page)
    assert "traced.py" in page


@pytest.mark.memory
def test_the_line_that_holds_the_heap_is_named(tmp_path):
    run_traced(tmp_path / "touched.bin", "touched")
    largest, *others = top_allocations(tmp_path / "touched.bin")
    assert largest.num_bytes == pytest.approx(SIZE, rel=0.001)
    assert re.fullmatch(r"(traced\.py|numpy/.*\.py):\d+", largest.place)
    assert largest.via == "malloc"
    assert len(others) <= 4
    assert [one.num_bytes for one in others] == sorted((one.num_bytes for one in others), reverse=True)


@pytest.mark.memory
def test_untouched_bytes_are_heap_and_not_resident(tmp_path):
    totals = json.loads(run_traced(tmp_path / "untouched.bin", "untouched").stdout)
    assert totals["peak_heap_bytes"] == pytest.approx(SIZE, rel=0.01)
    assert totals["rss_bytes"] < 10**6


@pytest.mark.memory
def test_the_capture_of_a_killed_child_can_be_read(tmp_path):
    assert run_traced(tmp_path / "killed.bin", "killed").returncode == -9
    assert read_heap(tmp_path / "killed.bin").peak_heap_bytes == pytest.approx(SIZE, rel=0.01)


def test_an_existing_capture_is_not_overwritten(tmp_path):
    (tmp_path / "old.bin").write_text("precious")
    with pytest.raises(MeasurementError, match="give a new file"):
        trace_heap(lambda: None, tmp_path / "old.bin")
    assert (tmp_path / "old.bin").read_text() == "precious"


def test_what_is_no_capture_gives_one_line(tmp_path):
    (tmp_path / "junk.bin").write_text("junk")
    for name in ("junk.bin", "missing.bin"):
        with pytest.raises(MeasurementError, match="cannot be named"):
            top_allocations(tmp_path / name)
        with pytest.raises(MeasurementError, match="run the heap pass again"):
            read_heap(tmp_path / name)
    picture = render_flamegraph(tmp_path / "junk.bin", tmp_path / "junk.html")
    assert picture.html is None
    assert "ended with 1: " in picture.reason


def test_rendering_that_takes_too_long_is_given_up(tmp_path):
    picture = render_flamegraph(tmp_path / "any.bin", tmp_path / "any.html", timeout_seconds=0.01)
    assert picture.html is None
    assert picture.reason == "memray flamegraph took more than 0.01 s on any.bin"


def test_importing_the_heap_module_does_not_load_memray():
    script = "import sys, xclass.measure.heap; sys.exit('memray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
