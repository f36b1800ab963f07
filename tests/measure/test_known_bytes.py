"""Every instrument must say what is known to be true: children that hold a known number of bytes."""

import subprocess

import numpy as np
import pytest

from xclass.errors import MeasurementError

pytestmark = pytest.mark.memory

MB = 10**6
SIZE = 200 * MB


def test_touched_bytes_are_the_peak_over_base(run_child):
    child = run_child("touched")
    memory = child.memories[0]
    assert child.over_base_bytes == pytest.approx(SIZE, abs=MB)
    assert memory.peak_anon_bytes - memory.base.anon_bytes == pytest.approx(SIZE, abs=MB)
    assert memory.peak_shmem_bytes == 0
    assert memory.interpreter.rss_bytes < memory.base.rss_bytes
    assert memory.num_samples >= 4


def test_untouched_bytes_are_not_resident(run_child):
    assert run_child("untouched").over_base_bytes < MB


def test_a_memory_mapped_file_is_file_and_not_anonymous(run_child):
    child = run_child("mapped")
    memory = child.memories[0]
    assert child.over_base_bytes == pytest.approx(SIZE, abs=MB)
    assert memory.peak_file_bytes - memory.base.file_bytes == pytest.approx(SIZE, abs=MB)
    assert memory.peak_anon_bytes - memory.base.anon_bytes < MB


def test_peak_of_a_30ms_spike_is_seen_whole(run_child):
    child = run_child("spike", interval_seconds=0.1)
    memory = child.memories[0]
    assert child.over_base_bytes == pytest.approx(SIZE, abs=MB)
    assert memory.sampled_peak_rss_bytes <= memory.peak_rss_bytes
    # Seen by no sample or by half of one, it is still anonymous: peak minus what was mapped.
    assert memory.peak_anon_bytes - memory.base.anon_bytes == pytest.approx(SIZE, abs=MB)


def test_allocation_in_a_thread_is_seen(run_child):
    assert run_child("thread").over_base_bytes == pytest.approx(SIZE, abs=MB)


def test_a_fat_launcher_does_not_move_the_childs_number(run_child):
    thin = run_child("touched")
    ballast = np.ones(400 * MB, np.uint8)
    fat = run_child("touched")
    assert ballast.size == 400 * MB
    assert abs(fat.memories[0].peak_rss_bytes - thin.memories[0].peak_rss_bytes) < MB
    assert abs(fat.memories[0].base.rss_bytes - thin.memories[0].base.rss_bytes) < MB


def test_a_second_phase_reads_only_its_own(run_child):
    first, second = run_child("two_phases").memories
    assert first.peak_rss_bytes - first.base.rss_bytes == pytest.approx(SIZE, abs=MB)
    assert second.peak_rss_bytes - second.base.rss_bytes == pytest.approx(50 * MB, abs=MB)
    assert second.sampled_peak_rss_bytes - second.base.rss_bytes == pytest.approx(50 * MB, abs=MB)


def test_freed_and_retained_are_told_apart(run_child):
    child = run_child("retained")
    memory = child.memories[0]
    assert child.over_base_bytes == pytest.approx(300 * MB, abs=MB)
    assert memory.end.rss_bytes - memory.base.rss_bytes == pytest.approx(SIZE, abs=MB)


def test_a_phase_that_raised_is_still_read(run_child):
    assert run_child("raises").over_base_bytes == pytest.approx(SIZE, abs=MB)


def test_the_pinned_allocator_returns_freed_blocks(run_child):
    memory = run_child("many_blocks").memories[0]
    assert memory.end.anon_bytes - memory.base.anon_bytes == pytest.approx(20 * MB, abs=2 * MB)


def test_pinned_peaks_grow_with_classes_where_stock_glibc_has_its_kink(run_child):
    below, above = (run_child("adam", str(classes)).over_base_bytes for classes in (130_000, 140_000))
    assert below < above
    for classes, over_base_bytes in ((130_000, below), (140_000, above)):
        assert over_base_bytes == pytest.approx(6 * 4 * classes * 64, rel=0.02)


def test_shared_memory_is_shmem_and_not_anonymous(run_child):
    child = run_child("shared")
    memory = child.memories[0]
    assert child.over_base_bytes == pytest.approx(SIZE, abs=MB)
    assert memory.peak_shmem_bytes - memory.base.shmem_bytes == pytest.approx(SIZE, abs=MB)
    assert memory.peak_anon_bytes - memory.base.anon_bytes < MB


def test_bytes_of_a_grandchild_are_in_the_tree_and_not_in_the_child(run_child):
    child = run_child("grandchild")
    memory = child.memories[0]
    assert child.over_base_bytes < 2 * MB
    assert memory.num_processes == 2
    # Besides its block the grandchild has an interpreter and numpy, parts of them shared with ours.
    together = memory.peak_tree_bytes - memory.base.rss_bytes
    assert SIZE - 10 * MB < together < SIZE + 40 * MB


def test_pages_that_a_tree_shares_count_once(run_child):
    memory = run_child("shared_with_grandchildren").memories[0]
    assert memory.num_processes == 3
    # Three processes show 200 MB each.
    assert memory.peak_tree_bytes == pytest.approx(memory.peak_rss_bytes, abs=20 * MB)


def test_a_child_alone_has_no_tree(run_child):
    memory = run_child("touched").memories[0]
    assert (memory.num_processes, memory.peak_tree_bytes) == (1, None)


@pytest.fixture
def swap_file(tmp_path):
    """300 MB of real swap for one test; only root may have it, and not on every file system."""
    path = tmp_path / "swap"
    path.write_bytes(bytes(300 * MB))
    path.chmod(0o600)
    for command in (["mkswap", path], ["swapon", path]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"no {command[0]} here: {error}")
        if done.returncode:
            pytest.skip(f"{command[0]} is not allowed here: {done.stderr.strip()}")
    yield path
    subprocess.run(["swapoff", path], check=True)


@pytest.mark.usefixtures("swap_file")
def test_a_reading_with_pages_swapped_out_is_refused(run_child):
    with pytest.raises(MeasurementError, match=r"^swap=95.4 MiB: pages were swapped out"):
        run_child("swapped")
