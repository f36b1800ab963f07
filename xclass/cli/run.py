"""``python -m xclass``: compare methods on one problem, or on a sweep of problems with ``-m``.

Exit codes: 0 everything was measured; 1 something failed or ran out of memory; 2 the command was wrong;
3 something was refused because it does not fit (and nothing failed); 130 interrupted.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from xclass import __version__
from xclass.classifiers.gpu import check_device
from xclass.classifiers.libraries import check_libraries
from xclass.cli.arguments import parse_arguments
from xclass.cli.command_file import Command, write_command
from xclass.cli.compose import check_overrides, config_dir, to_run_config
from xclass.cli.help import HELP
from xclass.cli.overrides import normalise_overrides
from xclass.cli.parser import EXIT_DOES_NOT_FIT, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, complain
from xclass.cli.seeds import spread_seeds
from xclass.config import RunConfig
from xclass.encoders.text_model import check_encoder
from xclass.errors import ConfigError, XclassError
from xclass.measure.door import check_can_measure
from xclass.records.record import Verdict
from xclass.records.store import write_text
from xclass.report.metrics_table import metrics_table
from xclass.report.progress import LiveProgress
from xclass.report.terminal import results_table
from xclass.report.write import Reports, write_reports, write_sweep_reports
from xclass.run import interrupts
from xclass.run.experiment import Experiment, ExperimentResult, InvalidRequestError
from xclass.schemas import register_schemas
from xclass.units import format_bytes


class _Session:
    """What the jobs of one command leave behind for its exit code."""

    def __init__(self, words: list[str], *, is_resumed: bool) -> None:
        self.invocation = f"python -m xclass {shlex.join(words)}".strip()
        self.words = words
        self.is_resumed = is_resumed
        self.results: list[ExperimentResult] = []
        self.usage_errors = 0
        self.failures = 0

    def exit_code(self) -> int:
        verdicts = {verdict for result in self.results for verdict in result.verdicts}
        if any(result.was_interrupted for result in self.results):
            return EXIT_INTERRUPTED
        if self.usage_errors:
            return EXIT_USAGE
        if self.failures or verdicts & {Verdict.FAILED, Verdict.OUT_OF_MEMORY}:
            return EXIT_FAILED
        return EXIT_DOES_NOT_FIT if Verdict.DOES_NOT_FIT in verdicts else 0


def main(words: list[str] | None = None, *, is_resumed: bool = False) -> NoReturn:
    """The entry point of ``python -m xclass`` and of the command ``xclass``.

    Args:
        words: None takes the command line's.
        is_resumed: what the run folder holds is not measured again.
    """
    words = sys.argv[1:] if words is None else words
    if "--help" in words or "-h" in words:
        sys.stdout.write(HELP)
        sys.exit(0)
    if "--version" in words:
        sys.stdout.write(f"xclass {__version__}\n")
        sys.exit(0)
    register_schemas()
    session = _Session(words, is_resumed=is_resumed)
    try:
        words = normalise_overrides(spread_seeds(words))
        arguments, words = parse_arguments(words)
        if not (arguments.info or arguments.hydra_help or arguments.shell_completion):
            check_can_measure()
            check_overrides(arguments.overrides, is_sweep=arguments.multirun, extra_dir=arguments.config_dir)
    except XclassError as error:
        complain(error)
        sys.exit(EXIT_USAGE)
    sys.argv[1:] = words
    console = Console(stderr=False)

    @hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")
    def job(config: DictConfig) -> None:
        _run_job(config, console, session)

    # Else Hydra ends the process with its own summary of an error; here it is one line, or a defect.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        # A terminated run (kill, a batch system's time limit) ends in order like an interrupted one.
        with interrupts.held():
            try:
                job()
            finally:
                interrupts.ignore()
    except OSError as error:
        complain(_unwritable(error))
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        is_empty = not any(result.verdicts for result in session.results)
        complain(f"interrupted{' before anything was measured' if is_empty else ''}")
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(session.exit_code())


def _run_job(tree: DictConfig, console: Console, session: _Session) -> None:
    """One job of the command, whatever becomes of it."""
    if any(result.was_interrupted for result in session.results):
        return
    interrupts.raise_pending()
    try:
        _carry_out(to_run_config(tree), console, session)
    except (InvalidRequestError, ConfigError) as error:
        complain(error)
        session.usage_errors += 1
    except (XclassError, OSError) as error:
        # For one, a full disk: what was written before stays, and the next job of a sweep may do better.
        complain(_unwritable(error) if isinstance(error, OSError) else error)
        session.failures += 1


def _carry_out(config: RunConfig, console: Console, session: _Session) -> None:
    """A run in its own folder, ending in a report of what was measured."""
    check_device(config.device)
    check_libraries(config.methods)
    check_encoder(config.encoder.model)
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    run = Experiment(config, run_dir=run_dir, invocation=session.invocation, is_resumed=session.is_resumed)
    is_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    command = Command(words=session.words, directory=str(Path.cwd()), is_sweep=is_sweep)
    write_command(Path(HydraConfig.get().sweep.dir) if is_sweep else run_dir, command)
    write_text(run_dir / "config.yaml", OmegaConf.to_yaml(OmegaConf.structured(config)))
    _announce(console, config_line=f"{', '.join(config.methods)} on {config.data.name}", run_dir=run_dir)
    if run.num_found:
        console.print(f"resumed: {run.num_found} of {run.num_phases} phases are measured", highlight=False)
    with LiveProgress(console, run.num_phases - run.num_found) as progress:
        result = run.run(progress)
    session.results.append(result)
    if not result.verdicts:
        raise KeyboardInterrupt
    _show(console, write_reports(run_dir), result)
    if is_sweep:
        # After every job, so that a sweep that is killed leaves a report of what it had.
        sweep = write_sweep_reports(Path(HydraConfig.get().sweep.dir))
        console.print("\n".join([*sweep.seeds, f"sweep so far: {sweep.report_md}"]), soft_wrap=True)


def _announce(console: Console, *, config_line: str, run_dir: Path) -> None:
    console.print(
        f"xclass {__version__}: {config_line}; records in {run_dir}", soft_wrap=True, highlight=False
    )


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


def _unwritable(error: OSError) -> XclassError:
    place = f"{error.filename}: " if error.filename else ""
    return XclassError(
        f"{place}{error.strerror or error}; free space there or choose another folder (hydra.run.dir=...)"
    )
