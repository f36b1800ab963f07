"""``python -m xclass``: compare methods on one problem, or on a sweep of problems with ``-m``.

Exit codes: 0 everything was measured; 1 something failed or ran out of memory; 2 the command was wrong;
3 something was refused because it does not fit (and nothing failed); 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

import hydra

from xclass import __version__
from xclass.cli.arguments import parse_arguments
from xclass.cli.compose import check_overrides, config_dir
from xclass.cli.help import HELP
from xclass.cli.job import Job, unwritable
from xclass.cli.launchers import Launch, plan_launch
from xclass.cli.overrides import normalise_overrides
from xclass.cli.parser import EXIT_DOES_NOT_FIT, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, complain
from xclass.cli.seeds import spread_seeds
from xclass.cli.sweep_folder import Outcome
from xclass.cli.sweep_watch import launch_elsewhere
from xclass.errors import XclassError
from xclass.measure.door import check_can_measure
from xclass.records.record import Verdict
from xclass.run import interrupts
from xclass.schemas import register_schemas


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
    job, launch = Job(words=words, directory=str(Path.cwd()), is_resumed=is_resumed), Launch()
    try:
        words = normalise_overrides(spread_seeds(words))
        arguments, words = parse_arguments(words)
        if not (arguments.info or arguments.hydra_help or arguments.shell_completion):
            check_can_measure()
            jobs = check_overrides(
                arguments.overrides, is_sweep=arguments.multirun, extra_dir=arguments.config_dir
            )
            launch = plan_launch(jobs, arguments.overrides)
            job.is_search = jobs.is_search
    except XclassError as error:
        complain(error)
        sys.exit(EXIT_USAGE)
    # After what was typed, so that the folder is the one that is watched.
    sys.argv[1:] = [*arguments.overrides, *launch.words, *words[len(arguments.overrides) :]]
    sys.exit(_run_jobs(job, launch))


def _run_jobs(job: Job, launch: Launch) -> int:
    """Let Hydra run every job, here or elsewhere.

    Returns:
        The exit code.
    """
    outcomes: Collection[Outcome] = job.outcomes
    # Else Hydra ends the process with its own summary of an error; here it is one line, or a defect.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    start = hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")
    try:
        # A terminated run (kill, a batch system's time limit) ends in order like an interrupted one.
        with interrupts.held():
            try:
                if launch.sweep_dir is None:
                    start(job)()
                else:
                    outcomes = launch_elsewhere(job, launch, start)
            finally:
                interrupts.ignore()
    except OSError as error:
        complain(unwritable(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        is_empty = not any(outcome.verdicts for outcome in outcomes)
        complain(f"interrupted{' before anything was measured' if is_empty else ''}")
        return EXIT_INTERRUPTED
    return _exit_code(outcomes)


def _exit_code(outcomes: Collection[Outcome]) -> int:
    verdicts = {verdict for outcome in outcomes for verdict in outcome.verdicts}
    if any(outcome.was_interrupted for outcome in outcomes):
        return EXIT_INTERRUPTED
    if any(outcome.usage_errors for outcome in outcomes):
        return EXIT_USAGE
    has_failed = any(outcome.failures for outcome in outcomes)
    if has_failed or verdicts & {Verdict.FAILED, Verdict.OUT_OF_MEMORY}:
        return EXIT_FAILED
    return EXIT_DOES_NOT_FIT if Verdict.DOES_NOT_FIT in verdicts else 0
