import os
import subprocess
import sys

import numpy as np
import pytest

from xclass.errors import MeasurementError
from xclass.measure.status import StatusReader, counter_error_bytes, read_status, reset_peak, trim_heap

MB = 10**6


def test_split_adds_up_to_the_resident_size():
    status = read_status()
    split = status.split()
    assert split.rss_bytes == split.anon_bytes + split.file_bytes + split.shmem_bytes
    assert status.peak_rss_bytes >= status.rss_bytes > MB
    assert status.num_threads >= 1


def test_own_process_and_own_number_read_the_same():
    assert abs(read_status().rss_bytes - read_status(os.getpid()).rss_bytes) < MB


def test_reset_brings_the_peak_down_to_the_present():
    np.ones(50 * MB, np.uint8)
    assert read_status().peak_rss_bytes - read_status().rss_bytes > 40 * MB
    reset_peak()
    assert read_status().peak_rss_bytes - read_status().rss_bytes < 2 * MB


def test_trimming_does_not_raise():
    trim_heap()


def test_reader_ends_with_none_when_the_process_ends():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with StatusReader(process.pid) as reader:
        assert reader.read() is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert reader.read() is None, "a zombie has no memory"
        process.communicate()
        assert reader.read() is None, "nor has one that was waited for"
    with pytest.raises(MeasurementError, match="running process"):
        read_status(process.pid)


def test_a_peak_that_cannot_be_reset_names_the_remedy():
    with pytest.raises(MeasurementError, match=r"cannot reset the peak .*; run as the owner"):
        reset_peak(2**22 - 1)


def test_a_kernel_without_the_split_is_refused(tmp_path, monkeypatch):
    (tmp_path / "status").write_text("Name:\tx\nVmHWM:\t 8 kB\nVmRSS:\t 8 kB\nThreads:\t1\n")
    monkeypatch.setattr("xclass.measure.status._path", lambda pid, name: str(tmp_path / name))
    with pytest.raises(MeasurementError, match="no RssAnon, RssFile, RssShmem, VmSwap here; run on"):
        read_status()


def test_counter_error_is_three_counters_of_a_batch_on_each_cpu(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    assert counter_error_bytes() == 3 * 128 * 256 * os.sysconf("SC_PAGE_SIZE")
