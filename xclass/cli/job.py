"""One job of the command: a run in its own folder, here or in a process that a launcher of Hydra started.

A launcher pickles the job and calls the copy elsewhere, where neither ``sys.argv`` nor the terminal nor the
memory of the command is: so it carries what it needs, and tells on disk what it came to
(:mod:`xclass.cli.sweep_folder`).
"""

from __future__ import annotations

import io
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from xclass import __version__
from xclass.classifiers.gpu import check_device
from xclass.classifiers.libraries import check_libraries
from xclass.cli.command_file import Command, write_command
from xclass.cli.compose import to_run_config
from xclass.cli.parser import complain
from xclass.cli.search import best_line
from xclass.cli.sweep_folder import LOOK_SECONDS, Caller, Outcome, SweepFolder
from xclass.config import RunConfig
from xclass.encoders.text_model import check_encoder
from xclass.errors import ConfigError, XclassError
from xclass.objective.value import objective_value
from xclass.records.store import read_records, write_text
from xclass.report.console import PlainConsole
from xclass.report.metrics_table import metrics_table
from xclass.report.progress import LiveProgress
from xclass.report.terminal import results_table
from xclass.report.write import Reports, write_reports, write_sweep_reports
from xclass.run import interrupts
from xclass.run.experiment import Experiment, ExperimentResult, InvalidRequestError
from xclass.units import format_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """What a job needs to know where it runs in another process than the command."""

    folder: SweepFolder
    caller: Caller | None
    """Whom it does not outlive; None where jobs go on without whoever submitted them, as on a cluster."""
    columns: int
    """Width of the caller's terminal."""


@dataclass(kw_only=True)
class Job:
    """Called by Hydra with each configuration; copies of it may be called in other processes."""

    words: list[str]
    """What was typed after ``python -m xclass``."""
    directory: str
    """Working directory of the command."""
    is_resumed: bool = False
    """What a run folder holds is not measured again."""
    is_search: bool = False
    """A sweeper chooses the runs by what the ones before came to."""
    elsewhere: Elsewhere | None = None
    """Given where a launcher runs the jobs in other processes."""
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the jobs that ran in this process."""

    @property
    def invocation(self) -> str:
        """The command as it was typed."""
        return f"python -m xclass {shlex.join(self.words)}".strip()

    def __call__(self, tree: DictConfig) -> float:
        """One run, whatever becomes of it.

        Args:
            tree: the configuration as Hydra composed it.

        Returns:
            Value of the objective, for a sweeper that searches; NaN where the run failed.
        """
        if self.elsewhere is None:
            console = PlainConsole(stderr=False)
            return self._guarded(tree, console, console)
        return self._call_elsewhere(tree, self.elsewhere)

    def _call_elsewhere(self, tree: DictConfig, elsewhere: Elsewhere) -> float:
        """The same with a file for a terminal; the last thing it does is to tell what it came to."""
        folder, number = elsewhere.folder, int(HydraConfig.get().job.num)
        if folder.is_stopped():
            return float("nan")
        with suppress(OSError):
            # Relative paths among the words mean something only from there.
            os.chdir(self.directory)
        if elsewhere.caller is not None:
            elsewhere.caller.take_along()
        with interrupts.held(), folder.log_path(number).open("w", encoding="utf-8", buffering=1) as log:
            shown = io.StringIO()
            with _stopping(folder):
                value = self._guarded(tree, _console(log, elsewhere), _console(shown, elsewhere))
            outcome = self.outcomes[-1]
            outcome.was_interrupted |= interrupts.has_come()
            outcome.text = shown.getvalue()
            folder.write_outcome(number, outcome)
        return value

    def _guarded(self, tree: DictConfig, console: Console, results: Console) -> float:
        if any(outcome.was_interrupted for outcome in self.outcomes):
            return float("nan")
        outcome = Outcome()
        self.outcomes.append(outcome)
        try:
            interrupts.raise_pending()
            return self._carry_out(to_run_config(tree), outcome, console, results)
        except (InvalidRequestError, ConfigError) as error:
            self._note(outcome.usage_errors, str(error))
        except XclassError as error:
            self._note(outcome.failures, str(error))
        except OSError as error:
            # For one, a full disk: what was written before stays, and the next job of a sweep may do better.
            self._note(outcome.failures, str(unwritable(error)))
        except KeyboardInterrupt:
            if self.elsewhere is None:
                raise
            outcome.was_interrupted = True
        return float("nan")

    def _note(self, kind: list[str], line: str) -> None:
        kind.append(line)
        if self.elsewhere is None:
            complain(line)

    def _carry_out(self, config: RunConfig, outcome: Outcome, console: Console, results: Console) -> float:
        """A run in its own folder, ending in a report of what was measured."""
        check_device(config.device)
        check_libraries(config.methods)
        check_encoder(config.encoder.model)
        run_dir = Path(HydraConfig.get().runtime.output_dir)
        run = Experiment(config, run_dir=run_dir, invocation=self.invocation, is_resumed=self.is_resumed)
        is_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
        sweep_dir = Path(HydraConfig.get().sweep.dir)
        self.write_command(sweep_dir if is_sweep else run_dir, is_sweep=is_sweep)
        write_text(run_dir / "config.yaml", OmegaConf.to_yaml(OmegaConf.structured(config)))
        announced = f"xclass {__version__}: {', '.join(config.methods)} on {config.data.name}"
        console.print(f"{announced}; records in {run_dir}", soft_wrap=True, highlight=False)
        if run.num_found:
            console.print(
                f"resumed: {run.num_found} of {run.num_phases} phases are measured", highlight=False
            )
        with LiveProgress(console, run.num_phases - run.num_found) as progress:
            result = run.run(progress)
        outcome.verdicts, outcome.was_interrupted = result.verdicts, result.was_interrupted
        if not result.verdicts:
            raise KeyboardInterrupt
        _show(results, write_reports(run_dir), result)
        if is_sweep and self.elsewhere is None:
            # After every job, so that a sweep that is killed leaves a report of what it had.
            show_sweep(results, sweep_dir, is_search=self.is_search)
        return objective_value(read_records(run_dir, damaged=[]), config.objective).value

    def write_command(self, folder: Path, *, is_sweep: bool) -> None:
        """Keep what was typed in the folder of the run or sweep, for ``python -m xclass.resume``.

        Raises:
            RecordError: it cannot be written.
        """
        write_command(folder, Command(words=self.words, directory=self.directory, is_sweep=is_sweep))


def show_sweep(console: Console, sweep_dir: Path, *, is_search: bool) -> None:
    """Write the reports over all jobs that have records, and say where they are.

    Raises:
        RecordError: no job has any, or a report cannot be written.
    """
    sweep = write_sweep_reports(sweep_dir)
    best = [best_line(sweep_dir)] if is_search else []
    for line in best:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print("\n".join([*sweep.seeds, f"sweep so far: {sweep.report_md}"]), soft_wrap=True)


def unwritable(error: OSError) -> XclassError:
    """One line for a file that cannot be written."""
    place = f"{error.filename}: " if error.filename else ""
    return XclassError(
        f"{place}{error.strerror or error}; free space there or choose another folder (hydra.run.dir=...)"
    )


def _console(file: TextIO, elsewhere: Elsewhere) -> PlainConsole:
    # FORCE_COLOR would make a terminal of a file.
    return PlainConsole(file=file, width=elsewhere.columns, force_terminal=False)


@contextmanager
def _stopping(folder: SweepFolder) -> Iterator[None]:
    """Within the block this process gets a SIGTERM once the sweep is stopped.

    A signal and not a flag: the run waits for its child in a system call, which only a signal ends.
    """
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            if folder.is_stopped():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=look, name="xclass-stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(console: Console, reports: Reports, result: ExperimentResult) -> None:
    console.print(results_table(reports.rows, width=console.width))
    if (metrics := metrics_table(reports.rows, width=console.width)) is not None:
        console.print(metrics)
    for line in reports.remarks:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    if result.model_bytes:
        console.print(
            f"models: {format_bytes(result.model_bytes)} in {reports.report_md.parent / 'models'} "
            "(keep_models=false deletes them)", soft_wrap=True, highlight=False,
        )  # fmt: skip
    if result.was_interrupted:
        console.print("interrupted: what was measured until then is kept", highlight=False)
    console.print(f"page: {reports.report_html}", soft_wrap=True, highlight=False)
    console.print(f"report: {reports.report_md}", soft_wrap=True, highlight=False)
