"""What a sweep asks of each launcher, and how what is not there or goes wrong is said."""

import math

import pytest

from xclass.cli.compose import check_overrides
from xclass.cli.explain import explain
from xclass.cli.launchers import HEADROOM_SHARE, JOB_PROCESS_BYTES, Launcher, lost_line, plan_launch
from xclass.config import usable_cores
from xclass.errors import ConfigError
from xclass.schemas import register_schemas
from xclass.sizing.plan import make_shape, plan_method
from xclass.units import GIB

SWEEP = ("classes=100000,4000000", "methods=[prior,nearest_neighbour]", "threads=1", "dim=64")


@pytest.fixture(autouse=True)
def _schemas():
    register_schemas()


def launch(*words):
    return plan_launch(check_overrides(list(words), is_sweep=True), words)


def needed_bytes(launcher, *words):
    """Of the largest phase of the last job of these words, as the launchers' words are documented."""
    config = check_overrides(list(words), is_sweep=True).configs[-1]
    shape = make_shape(config, config.classes)
    largest = max(plan.required_bytes for name in config.methods for plan in plan_method(config, name, shape))
    share = (1 + HEADROOM_SHARE) / (1 - config.measure.reserve_share)
    return int(largest * share) + JOB_PROCESS_BYTES[launcher]


def given(launched, key):
    (word,) = [word for word in launched.words if word.lstrip("+").startswith(f"{key}=")]
    return word.partition("=")[2]


def test_a_sweep_that_runs_here_in_turn_asks_for_nothing():
    assert launch(*SWEEP).words == []
    assert launch(*SWEEP, "hydra/launcher=basic").sweep_dir is None


@pytest.mark.parametrize("name", ["slurm", "submitit_slurm"])
def test_slurm_gets_the_planned_peak_of_the_largest_job_and_headroom(name):
    pytest.importorskip("submitit")
    launched = launch(*SWEEP, f"hydra/launcher={name}")
    num_gib = math.ceil(needed_bytes(Launcher.slurm, *SWEEP) / GIB)
    assert given(launched, "hydra.launcher.mem_gb") == str(num_gib)
    assert given(launched, "hydra.launcher.cpus_per_task") == "1"
    assert f"each asks for 1 CPU and {num_gib} GiB; nearest_neighbour build needs " in launched.line
    assert launched.outlives_its_caller


def test_what_the_user_asks_for_stays():
    pytest.importorskip("submitit")
    words = ("hydra/launcher=slurm", "hydra.launcher.mem_gb=7", "hydra.launcher.cpus_per_task=5")
    launched = launch(*SWEEP, *words, "hydra.sweep.dir=somewhere")
    assert [word.partition("=")[0] for word in launched.words] == ["hydra.sweep.dir"]
    assert "each asks for 5 CPUs and 7 GiB" in launched.line


@pytest.mark.parametrize("name", ["ray_cluster", "ray"])
def test_a_task_of_ray_gets_bytes_and_is_not_started_twice(name):
    pytest.importorskip("ray")
    launched = launch(*SWEEP, f"hydra/launcher={name}", "++hydra.launcher.ray.init.address=auto")
    asked = needed_bytes(Launcher.ray, *SWEEP)
    assert given(launched, "hydra.launcher.ray.remote.memory") == str(asked)
    assert given(launched, "hydra.launcher.ray.remote.num_cpus") == "1"
    assert given(launched, "hydra.launcher.ray.remote.max_retries") == "0"


def test_no_more_runs_side_by_side_than_the_planned_peaks_allow():
    pytest.importorskip("joblib")
    small = launch(*SWEEP, "hydra/launcher=one_machine")
    assert given(small, "hydra.launcher.n_jobs") == str(min(2, usable_cores()))
    huge = launch("classes=100000000000,200000000000", *SWEEP[1:], "hydra/launcher=joblib")
    assert given(huge, "hydra.launcher.n_jobs") == "1"
    wide = launch(*SWEEP, "threads=64", "hydra/launcher=one_machine")
    assert given(wide, "hydra.launcher.n_jobs") == "1"


def test_submitits_local_executor_is_given_no_more_than_that_at_once():
    pytest.importorskip("submitit")
    launched = launch(*SWEEP, "hydra/launcher=slurm_rehearsal")
    assert given(launched, "hydra.sweeper.max_batch_size") == str(min(2, usable_cores()))


@pytest.mark.parametrize("word", ["hydra/launcher=one_machine", "hydra/sweeper=optuna"])
def test_a_launcher_for_a_single_run_is_refused(word):
    with pytest.raises(ConfigError, match="add -m"):
        plan_launch(check_overrides([word], is_sweep=False), [word])


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("In 'hydra/launcher/slurm': Could not load 'hydra/launcher/submitit_slurm'.", "xclass[submitit]"),
        ("In 'hydra/config': Could not find 'hydra/sweeper/optuna'", "xclass[optuna]"),
        ("In 'hydra/config': Could not find 'hydra/launcher/kubernetes'", "choose one"),
    ],
)
def test_a_plugin_that_is_not_installed_names_the_extra(message, remedy):
    error = explain(ValueError(message), ["classes=5"])
    assert remedy in str(error)
    assert "\n" not in str(error)


def test_a_loss_of_a_launcher_is_one_line_and_a_defect_of_ours_is_none(tmp_path):
    process_executor = pytest.importorskip("joblib.externals.loky.process_executor")
    lost = process_executor.TerminatedWorkerError("A worker process ...\nExit codes: SIGKILL(-9)")
    line = lost_line(lost, Launcher.joblib, tmp_path)
    assert line.startswith("joblib lost a job or could not start it: TerminatedWorkerError: A worker process")
    assert line.endswith(f"python -m xclass.resume {tmp_path}")
    assert "\n" not in line
    assert lost_line(AssertionError("ours"), Launcher.joblib, tmp_path) is None
