"""While a launcher runs a sweep in other processes: what its jobs say, the report so far, and Ctrl-C.

A launcher blocks until all jobs have ended, so a thread looks after them. It alone writes to the terminal:
lines of several jobs never mix within a line, and each names its job.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console

from xclass.cli.job import Elsewhere, Job, show_sweep
from xclass.cli.launchers import Launch, Launcher, lost_line
from xclass.cli.parser import complain
from xclass.cli.sweep_folder import Caller, Outcome, SweepFolder
from xclass.errors import XclassError
from xclass.report.console import PlainConsole
from xclass.run import interrupts

_LOOK_SECONDS = 0.25
_SLURM_JOB = re.compile(r"\d+(_\d+)?")


def launch_elsewhere(job: Job, launch: Launch, start: Callable[[Job], Callable[[], None]]) -> list[Outcome]:
    """Let a launcher run the jobs of a sweep in other processes.

    Args:
        job: copies of it run there.
        launch: what the launcher was asked for.
        start: Hydra's decorator of the function that is a job.

    Returns:
        What the jobs came to, and one more if the launcher lost any.

    Raises:
        OSError: the folder of the sweep cannot be made.
        RecordError: it cannot be written to.
    """
    assert launch.sweep_dir is not None
    console = PlainConsole(stderr=False)
    folder = SweepFolder.begin(launch.sweep_dir)
    job.write_command(launch.sweep_dir, is_sweep=True)
    caller = None if launch.outlives_its_caller else Caller.of(os.getpid())
    job.elsewhere = Elsewhere(folder=folder, caller=caller, columns=console.width)
    console.print(launch.line, soft_wrap=True, highlight=False, markup=False)
    watch, lost = SweepWatch(launch, folder, console, is_search=job.is_search), Outcome()
    try:
        with watch.watching():
            start(job)()
    except Exception as error:
        line = lost_line(error, launch.launcher, launch.sweep_dir)
        if line is None:
            raise
        # One that was cancelled on Ctrl-C is lost as well.
        if not interrupts.is_pending():
            lost.failures.append(line)
            complain(line)
    return [*watch.outcomes.values(), lost]


class SweepWatch:
    """Follows the jobs of one sweep.

    Attributes:
        outcomes: number of a job -> what it came to, of all that have told.
    """

    def __init__(self, launch: Launch, folder: SweepFolder, console: Console, *, is_search: bool) -> None:
        """Watch nothing yet.

        Args:
            launch: of a sweep whose jobs run in other processes.
            folder: that they write to.
            console: where their lines go.
            is_search: the best run is shown.
        """
        self._launch, self._folder, self._console = launch, folder, console
        self._is_search = is_search
        self._offsets: dict[int, int] = {}
        self._is_stopping = False
        self.outcomes: dict[int, Outcome] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within the block a launcher runs the jobs.

        Ctrl-C reaches every process of a terminal, also those of launchers that do not expect it and would
        die with a traceback, their measurements with them. So it is blocked here, which processes that are
        started inherit, and a thread waits for it instead. Source: man sigwait(3), signal(7); measured
        children run in sessions of their own and are ended by SIGTERM.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        is_heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        done = threading.Event()
        thread = threading.Thread(target=self._follow, args=(done, is_heard), name="xclass-sweep")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._look()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _follow(self, done: threading.Event, is_heard: bool) -> None:
        while not done.is_set():
            if not is_heard:
                time.sleep(_LOOK_SECONDS)
            elif signal.sigtimedwait({signal.SIGINT}, _LOOK_SECONDS) is not None:
                interrupts.note()
            if interrupts.is_pending() and not self._is_stopping:
                self._stop()
            self._look()

    def _stop(self) -> None:
        self._is_stopping = True
        self._say("stopping: jobs end what they are at, those that wait do not begin")
        with suppress(OSError):
            self._folder.stop()
        if self._launch.launcher is Launcher.slurm:
            self._cancel()

    def _cancel(self) -> None:
        """What waits in Slurm's queue would be waited for; what runs gets a SIGTERM and ends in order."""
        numbers = [path.name for path in (self._folder.sweep_dir / ".submitit").glob("*")]
        found = sorted(name for name in numbers if _SLURM_JOB.fullmatch(name))
        with suppress(OSError):
            subprocess.run(["scancel", *found], stdin=subprocess.DEVNULL, check=False)

    def _look(self) -> None:
        """Show what is new."""
        for number in self._folder.numbers():
            if number in self.outcomes:
                continue
            # Asked first, so that nothing is written between the last line and this.
            outcome = self._folder.read_outcome(number)
            self._show_lines(number)
            if outcome is not None:
                self.outcomes[number] = outcome
                self._show_outcome(number, outcome)

    def _show_lines(self, number: int) -> None:
        with suppress(OSError), self._folder.log_path(number).open("rb") as log:
            log.seek(self._offsets.get(number, 0))
            whole, newline, _ = log.read().rpartition(b"\n")
            self._offsets[number] = self._offsets.get(number, 0) + len(whole) + len(newline)
            for line in whole.decode("utf-8", errors="replace").splitlines():
                self._say(f"job {number}: {line}")

    def _show_outcome(self, number: int, outcome: Outcome) -> None:
        for line in (*outcome.usage_errors, *outcome.failures):
            complain(f"job {number}: {line}")
        if outcome.text:
            self._say(f"job {number}:")
            self._console.file.write(outcome.text)
        if not outcome.verdicts:
            return
        try:
            show_sweep(self._console, self._folder.sweep_dir, is_search=self._is_search)
        except XclassError as error:
            outcome.failures.append(str(error))
            complain(error)

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)
