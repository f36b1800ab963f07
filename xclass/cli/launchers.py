"""What a sweep asks of Hydra's launchers: processes, CPUs and memory, from the plan of its largest job.

The launchers are Hydra's own (basic, joblib, submitit, ray); this only adds the words that the user left out,
and says which and why. What the user gave stays as it is.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from traceback import walk_tb

from omegaconf import DictConfig

from xclass.cli.compose import Jobs
from xclass.cli.explain import split_word
from xclass.cli.plugins import PLUGIN_GROUPS
from xclass.config import RunConfig, usable_cores
from xclass.errors import ConfigError
from xclass.measure.limits import available_memory
from xclass.sizing.plan import make_shape, plan_method
from xclass.units import GIB, MIB, format_bytes

HEADROOM_SHARE = 0.2
"""On top of the plan: preparing data and the traced pass have no closed form, and batch systems kill at once.

A choice: no measurement says how much is enough on a cluster.
"""


_LAUNCHER_PACKAGES = {"joblib", "submitit", "ray", "concurrent"}


class Launcher(StrEnum):
    """Which program runs the jobs."""

    basic = "basic"
    joblib = "joblib"
    slurm = "slurm"
    submitit_local = "submitit local"
    ray = "ray"
    other = "other"


JOB_PROCESS_BYTES = {
    Launcher.joblib: 80 * MIB,
    Launcher.slurm: 80 * MIB,
    Launcher.submitit_local: 80 * MIB,
    Launcher.ray: 192 * MIB,
    Launcher.other: 192 * MIB,
}
"""Of a job's own process, which starts and watches the measured children.

Source: VmHWM of such processes was 65 MiB under joblib, 63 under submitit, 168 under Ray (Linux x86-64,
CPython 3.11, joblib 1.5, submitit 1.5, Ray 2.60).
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """How the jobs of a command are started."""

    launcher: Launcher = Launcher.basic
    words: list[str] = field(default_factory=list)
    """To be put behind the user's own."""
    line: str = ""
    """What is asked for and why."""
    sweep_dir: Path | None = None
    """Of a sweep whose jobs run in other processes."""

    @property
    def outlives_its_caller(self) -> bool:
        """Jobs that were submitted go on without whoever submitted them, perhaps on other machines."""
        return self.launcher in (Launcher.slurm, Launcher.ray, Launcher.other)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Need:
    """What one job needs at most."""

    num_threads: int
    num_bytes: int
    words: str
    """Where the bytes come from."""


def plan_launch(jobs: Jobs, overrides: Sequence[str]) -> Launch:
    """What to ask a launcher for.

    Args:
        jobs: that the command asks for.
        overrides: its words.

    Raises:
        ConfigError: a launcher or a sweeper is chosen for a single run, where it would do nothing.
    """
    if jobs.hydra is None:
        for key, value in (split_word(word) for word in overrides):
            if key in PLUGIN_GROUPS and value != "basic":
                raise ConfigError(key, value, allowed="basic for a single run", remedy="add -m for a sweep")
        return Launch()
    hydra = jobs.hydra
    launcher = _launcher(hydra)
    if jobs.is_search:
        _quiet_optuna()
    if launcher is Launcher.basic:
        return Launch()
    sweep_dir = Path(str(hydra.sweep.dir)).absolute()
    need = _largest_need(jobs.configs, JOB_PROCESS_BYTES[launcher])
    words, asked = _words(launcher, jobs, hydra, need)
    quoted = str(sweep_dir).replace("\\", "\\\\").replace("'", "\\'")
    # Given, because Hydra would compose another time of day into it, and jobs may start in another folder.
    words.append(f"hydra.sweep.dir='{quoted}'")
    return Launch(
        launcher=launcher,
        words=words,
        line=f"{launcher}: {jobs.num_jobs} jobs in {sweep_dir}; {asked}; {need.words}",
        sweep_dir=sweep_dir,
    )


def _launcher(hydra: DictConfig) -> Launcher:
    """By what its configuration has: a user's own file may build on any of them."""
    if hydra.runtime.choices["hydra/launcher"] == "basic":
        return Launcher.basic
    settings = hydra.launcher
    if "array_parallelism" in settings:
        return Launcher.slurm
    if "submitit_folder" in settings:
        return Launcher.submitit_local
    if "n_jobs" in settings:
        return Launcher.joblib
    return Launcher.ray if "ray" in settings else Launcher.other


def _largest_need(configs: Sequence[RunConfig], job_bytes: int) -> _Need:
    """What the largest job needs; every method of every job is planned."""
    largest, where = 0, "the size of the data is not known before it is prepared"
    for config in configs:
        for method in config.methods:
            try:
                shape = make_shape(config, config.classes or config.data.default_classes)
            except ConfigError:
                continue
            for plan in plan_method(config, method, shape):
                if plan.required_bytes > largest:
                    largest = plan.required_bytes
                    where = f"{method} {plan.phase} needs {format_bytes(largest)} by the plan"
    extra = f", {100 * HEADROOM_SHARE:.0f} % headroom, {format_bytes(job_bytes)} for the job itself"
    reserve_share = max(config.measure.reserve_share for config in configs)
    num_bytes = int(largest * (1 + HEADROOM_SHARE) / (1 - reserve_share)) + job_bytes
    return _Need(
        num_threads=max(config.num_threads for config in configs),
        num_bytes=num_bytes if largest else 0,
        words=f"{where}{extra}" if largest else where,
    )


def _words(launcher: Launcher, jobs: Jobs, hydra: DictConfig, need: _Need) -> tuple[list[str], str]:
    """Words that the user left out, and in plain English what is asked for."""
    settings = hydra.launcher
    if launcher is Launcher.slurm:
        return _slurm_words(settings, need)
    if launcher is Launcher.ray:
        return _ray_words(settings, need)
    if launcher is Launcher.joblib:
        return _joblib_words(settings, jobs, need)
    if launcher is Launcher.submitit_local:
        return _local_words(hydra.sweeper, jobs, need)
    return [], "nothing is asked for: xclass does not know this launcher"


def _slurm_words(settings: DictConfig, need: _Need) -> tuple[list[str], str]:
    words = []
    num_cpus = settings.cpus_per_task
    if num_cpus is None:
        num_cpus = need.num_threads
        words.append(f"hydra.launcher.cpus_per_task={num_cpus}")
    memory = next((f"{settings[key]}" for key in ("mem_per_cpu", "mem_per_gpu") if settings[key]), None)
    if settings.mem_gb is not None:
        memory = f"{settings.mem_gb} GiB"
    if memory is None and need.num_bytes:
        memory = f"{math.ceil(need.num_bytes / GIB)} GiB"
        words.append(f"hydra.launcher.mem_gb={math.ceil(need.num_bytes / GIB)}")
    return words, _asked(num_cpus, memory)


def _asked(num_cpus: int, memory: str | None) -> str:
    return f"each asks for {num_cpus} CPU{'s' * (num_cpus > 1)} and {memory or 'no memory'}"


def _ray_words(settings: DictConfig, need: _Need) -> tuple[list[str], str]:
    """A task that asks for more than any machine has waits for ever: here it gets at most what there is."""
    words, remote, init = [], settings.ray.remote or {}, settings.ray.init or {}
    num_cpus, num_bytes = remote.get("num_cpus"), remote.get("memory")
    is_local = init.get("address") is None and "RAY_ADDRESS" not in os.environ
    if num_cpus is None:
        num_cpus = min(need.num_threads, usable_cores()) if is_local else need.num_threads
        words.append(f"++hydra.launcher.ray.remote.num_cpus={num_cpus}")
    if is_local and init.get("num_cpus") is None:
        words.append(f"++hydra.launcher.ray.init.num_cpus={usable_cores()}")
    if num_bytes is None and need.num_bytes:
        num_bytes = need.num_bytes
        if is_local and init.get("_memory") is None:
            usable_bytes = available_memory().available_bytes
            words.append(f"++hydra.launcher.ray.init._memory={usable_bytes}")
            num_bytes = min(num_bytes, usable_bytes)
        words.append(f"++hydra.launcher.ray.remote.memory={num_bytes}")
    if remote.get("max_retries") is None:
        # A second start would find the records of the first and refuse to write over them.
        words.append("++hydra.launcher.ray.remote.max_retries=0")
    return words, _asked(num_cpus, format_bytes(num_bytes) if num_bytes else None)


def _joblib_words(settings: DictConfig, jobs: Jobs, need: _Need) -> tuple[list[str], str]:
    if settings.n_jobs != -1:
        return [], f"{settings.n_jobs} at a time, as hydra.launcher.n_jobs says"
    num_beside, why = _num_beside(jobs, need)
    return [f"hydra.launcher.n_jobs={num_beside}"], f"{num_beside} at a time ({why})"


def _local_words(sweeper: DictConfig, jobs: Jobs, need: _Need) -> tuple[list[str], str]:
    """Submitit's local executor starts all jobs at once; the sweeper can give it fewer."""
    if jobs.is_search:
        return [], f"{sweeper.n_jobs} at a time, as hydra.sweeper.n_jobs says"
    given = sweeper.get("max_batch_size")
    if given is not None:
        return [], f"{given} at a time, as hydra.sweeper.max_batch_size says"
    num_beside, why = _num_beside(jobs, need)
    return [f"hydra.sweeper.max_batch_size={num_beside}"], f"{num_beside} at a time ({why})"


def _num_beside(jobs: Jobs, need: _Need) -> tuple[int, str]:
    """Jobs that this machine can run side by side, and what limits them."""
    by_cores = max(1, usable_cores() // need.num_threads)
    usable_bytes = available_memory().available_bytes
    by_memory = max(1, usable_bytes // need.num_bytes) if need.num_bytes else 1
    number = max(1, min(by_cores, by_memory, jobs.num_jobs))
    if number == jobs.num_jobs:
        return number, "all of them"
    if by_memory < by_cores:
        return number, f"{format_bytes(usable_bytes)} available"
    return number, f"{usable_cores()} cores, threads={need.num_threads} each"


def _quiet_optuna() -> None:
    """Its news of every trial would stand between the lines of the jobs; they go to optimization_results."""
    import optuna

    optuna.logging.set_verbosity(logging.WARNING)


def lost_line(error: Exception, launcher: Launcher, sweep_dir: Path | None) -> str | None:
    """One line for what a launcher raises when a job's process is lost; None: it is not of a launcher."""
    # Ray raises bare exceptions, too, where it cannot start: then the place tells.
    names = [kind.__module__ for kind in type(error).__mro__]
    names += [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)][-1:]
    if not {name.partition(".")[0] for name in names} & _LAUNCHER_PACKAGES:
        return None
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
    again = f"; what was measured is kept: python -m xclass.resume {sweep_dir}" if sweep_dir else ""
    return f"{launcher} lost a job or could not start it: {type(error).__name__}: {reason}{again}"
