"""Files in and out of the page cache, and why a proof needs them out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xclass.errors import MeasurementError
from xclass.measure.caps import CapChoice, memory_cap
from xclass.measure.eviction import cached_bytes, evict

MB = 10**6
TOUCH = str(Path(__file__).parent / "children" / "touch.py")


@pytest.fixture
def big_file(tmp_path):
    """100 MiB and a bit that are not a whole page, just written, so in memory and dirty."""
    path = tmp_path / "model"
    path.write_bytes(os.urandom(1 << 20) * 100 + b"end")
    return path


def test_what_was_just_written_is_cached_and_then_is_not(big_file):
    size = big_file.stat().st_size
    assert cached_bytes(big_file) == size
    eviction = evict([big_file])
    if eviction.cached_bytes == size:
        pytest.skip("this file system keeps its files in memory (tmpfs)")
    assert (eviction.file_bytes, eviction.cached_bytes, eviction.cached_share) == (size, 0, 0.0)
    assert cached_bytes(big_file) == 0, "counting has read nothing"
    with big_file.open("rb") as file:
        file.read(1 << 20)
    assert 1 << 20 <= cached_bytes(big_file) < size


def test_what_another_process_has_mapped_stays_and_is_counted(big_file):
    holder = subprocess.Popen(
        [sys.executable, TOUCH, str(big_file), "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    holder.stdout.readline()
    assert evict([big_file]).cached_share > 0.99
    holder.communicate()
    assert evict([big_file]).cached_share < 0.01


def test_an_empty_file_and_a_missing_one(tmp_path):
    (tmp_path / "empty").touch()
    assert evict([tmp_path / "empty"]).cached_share == 0.0
    with pytest.raises(MeasurementError, match=r"gone: cannot be evicted \(No such file"):
        evict([tmp_path / "gone"])


def test_a_cached_file_passes_under_any_cap_and_an_evicted_one_is_charged(big_file):
    """The false proof: 100 MiB of mapped model "serve" in a group that was never charged for them."""
    peaks = {}
    for is_evicted in (False, True):
        if is_evicted:
            evict([big_file])
        try:
            with memory_cap(60 * MB, CapChoice.cgroup) as cap:
                words = [*cap.prefix, sys.executable, TOUCH, str(big_file), "2"]
                assert subprocess.run(words, capture_output=True).returncode == 0
                peaks[is_evicted] = cap.readings()["peak_bytes"]
        except MeasurementError as error:
            pytest.skip(str(error))
    assert peaks[False] < 20 * MB
    assert peaks[True] > 55 * MB, "as much of it as the cap lets stay"
