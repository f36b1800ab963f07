import pytest

from xclass.errors import ConfigError
from xclass.measure.environment import pinned_environment


def test_pinned_sets_allocator_and_threads():
    variables = pinned_environment(3, "pinned", {})
    assert variables["MALLOC_MMAP_THRESHOLD_"] == "131072"
    assert variables["MALLOC_ARENA_MAX"] == "1"
    assert variables["OMP_NUM_THREADS"] == variables["OPENBLAS_NUM_THREADS"] == "3"
    assert all(isinstance(value, str) for value in variables.values())


def test_system_leaves_the_allocator_as_it_is():
    variables = pinned_environment(1, "system", {"LD_PRELOAD": "libjemalloc.so", "MALLOC_ARENA_MAX": "7"})
    assert set(variables) == {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED"}


@pytest.mark.parametrize(
    ("inherited", "key"),
    [
        ({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}, "LD_PRELOAD"),
        ({"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=33554432"}, "GLIBC_TUNABLES"),
    ],
)
def test_what_would_undo_the_pinning_is_refused(inherited, key):
    with pytest.raises(ConfigError, match=f"^{key}=.*measure.allocator=system"):
        pinned_environment(1, "pinned", inherited)


def test_harmless_tunables_and_preloads_pass():
    inherited = {"LD_PRELOAD": "libfaketime.so", "GLIBC_TUNABLES": "glibc.pthread.rseq=0"}
    assert pinned_environment(1, "pinned", inherited)["MALLOC_ARENA_MAX"] == "1"


def test_bad_values_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"^threads=0: "):
        pinned_environment(0, "pinned", {})
    with pytest.raises(ConfigError, match=r"^measure.allocator=jemalloc: allowed is pinned or system"):
        pinned_environment(1, "jemalloc", {})
