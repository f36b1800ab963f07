"""A wall clock that steps by hours, back and forth: durations and the order of phases stay true.

``started_at`` and the names of files follow the wall clock, as they must; they may be off by as much.
"""

import shutil
import subprocess
import sys

import pytest
from real_runs import SMALL, RunFolder

pytestmark = pytest.mark.slow

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static long step(void) { static long calls; return (++calls % 3 - 1) * 7 * 3600; }  /* -7 h, 0, +7 h */
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec += step();
    return result;
}
int gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec; t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture(scope="module")
def stepping_clock(tmp_path_factory):
    """A library that makes the wall clock of every process step."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc)")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(SHIM)
    library = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "clock.c", "-ldl"], check=True)
    return library


def test_durations_and_order_are_true_whatever_the_wall_clock_does(run_xclass, tmp_path, stepping_clock):
    run_dir = tmp_path / "run"
    environment = {"LD_PRELOAD": str(stepping_clock)}
    program = "import time; now = [time.time() for _ in range(6)]; print(max(now) - min(now))"
    step = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert float(step.stdout) > 10 * 3600, "the shim works"
    done = run_xclass(
        *SMALL, "+classes=2e3", "budget.minutes=0.01", "methods=[dense_softmax]", f"hydra.run.dir={run_dir}",
        env=environment,
    )  # fmt: skip
    assert (done.exit_code, done.err) == (0, "")
    folder = RunFolder(run_dir)
    train = folder.record("dense_softmax-train-rss")
    assert 0.3 < train["seconds"] < 20, "a budget of 0.6 s"
    for phase in ("train", "load", "serve"):
        for pass_ in ("rss", "heap", "twin"):
            record = folder.record(f"dense_softmax-{phase}-{pass_}")
            assert record["verdict"] == "measured"
            assert 0 < record["seconds"] < 20
            assert all(0 <= seconds < 20 for seconds, *_ in record["timeline"] + record["marks"])
            for latency in record["latencies"]:
                assert 0 < latency["p50_seconds"] <= latency["p99_seconds"] < 5
    phases = [row["phase"] for row in folder.summary()["rows"]]
    assert phases == ["prepare", "train", "load", "serve"]
