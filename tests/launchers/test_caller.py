"""A process of a launcher ends with the command that waits for it, its job in order."""

import signal
import subprocess
import sys

JOB = """
import sys, time
from xclass.cli.sweep_folder import Caller
from xclass.run import interrupts
caller = Caller.of(int(sys.argv[1]))
caller.take_along()
caller.take_along()
with interrupts.held():
    print("job", flush=True)
    try:
        with interrupts.let_through():
            time.sleep(30)
    except KeyboardInterrupt:
        print("ends in order", flush=True)
        time.sleep(1)
    print("ended", flush=True)
time.sleep(30)
"""


def test_a_worker_ends_with_its_caller_and_its_job_in_order():
    caller = subprocess.Popen(["sleep", "60"])
    worker = subprocess.Popen([sys.executable, "-c", JOB, str(caller.pid)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout.readline() == "job\n"
    caller.kill()
    # Not waited for yet: what started the command may do so late, or never.
    out, _ = worker.communicate(timeout=20)
    caller.wait()
    assert out.splitlines() == ["ends in order", "ended"], "a later signal took the end of the job away"
    assert worker.returncode == -signal.SIGTERM, "it waited for more work"
