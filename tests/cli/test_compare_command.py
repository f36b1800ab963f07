"""The command ``python -m xclass.compare`` as it is typed, over two real runs."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from real_runs import SMALL

pytestmark = pytest.mark.slow


def compare(*words, columns=100):
    command = [sys.executable, "-m", "xclass.compare", *map(str, words)]
    environment = {**os.environ, "COLUMNS": str(columns)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.fixture(scope="module")
def runs(run_xclass, tmp_path_factory):
    """One config twice, and once with twice the dimensions."""
    folder = tmp_path_factory.mktemp("compare")
    for name, dim in (("a", 32), ("b", 32), ("c", 64)):
        done = run_xclass(
            *SMALL, "+classes=1e5", f"dim={dim}", "methods=[nearest_neighbour]", "measure.heap_pass=false",
            "data.examples_per_class=1", "keep_models=false", f"hydra.run.dir={folder}/{name}",
        )  # fmt: skip
        assert done.exit_code == 0, done.err
    return folder


def test_two_runs_of_one_config_agree_within_one_percent(runs):
    done = compare(runs / "a", runs / "b", "--json", runs / "ab.json", "--fail-on-increase", "1%")
    assert (done.returncode, done.stderr) == (0, "")
    phases = {phase["label"]: phase for phase in json.loads((runs / "ab.json").read_text())["phases"]}
    for label in ("nearest_neighbour build", "nearest_neighbour serve"):
        difference = phases[label]["differences"]["peak_rss_bytes"]
        assert abs(difference["share"]) < 0.01
        assert difference["change"] == "within noise"
    # What else runs on this machine is no setting of theirs.
    told = json.loads((runs / "ab.json").read_text())["circumstances"]
    differing = [what for what, _, _ in told if what != "load when they began"]
    assert differing == []
    assert ("settings, environment, versions and machine are the same" in done.stdout) == (told == [])


def test_growth_fails_the_gate_and_names_the_component(runs):
    done = compare(runs / "a", runs / "c", "--fail-on-increase", "5%")
    assert done.returncode == 1
    assert "xclass: --fail-on-increase 5%: nearest_neighbour build: peak - base grew by" in done.stderr
    assert "closed form: index" in done.stdout
    assert "setting dim" in done.stdout
    assert compare(runs / "a", runs / "c").returncode == 0, "no limit was given"
    assert compare(runs / "a", runs / "c", "--fail-on-increase", "0.05").returncode == 1
    assert compare(runs / "a", runs / "c", "--fail-on-increase", "10GB").returncode == 0
    summaries = (runs / name / "summary.json" for name in "ac")
    assert compare(*summaries, "--fail-on-increase", "5%").returncode == 1
    assert compare(runs / "c", runs / "a", "--fail-on-increase", "5%").returncode == 0, "it shrank"


def test_a_narrow_terminal_shows_every_figure_whole(runs):
    done = compare(runs / "a", runs / "c", columns=66)
    assert max(len(line.rstrip()) for line in done.stdout.splitlines()[2:]) <= 66
    assert "\x1b" not in done.stdout
    for word in ("within noise", "grew", "peak - base", "closed form: index"):
        assert word in done.stdout, done.stdout


def test_a_phase_that_is_gone_fails_the_gate(runs, tmp_path):
    shutil.copytree(runs / "a" / "records", tmp_path / "records")
    (tmp_path / "records" / "nearest_neighbour-serve-rss.json").unlink()
    done = compare(runs / "a", tmp_path, "--fail-on-increase", "5%")
    assert done.returncode == 1
    assert "nearest_neighbour serve: measured before, missing now" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{a}"], "the following arguments are required: B"),
        (["{a}", "/nowhere"], "/nowhere: no such file or folder"),
        (["{a}", "{b}", "--fail-on-increase", "5"], "try 5%, 0.05 or 200MB"),
        (["{a}", "{b}", "--fail-on-increase", "-5%"], "expected one argument"),
        (["{a}", "{b}", "--fail-on-increase=nan%"], "allowed is a percentage"),
        (["{a}", "{b}", "--fail-on-increase", "200mb"], "kB, MB, GB"),
        (
            ["{a}", "{b}", "--json", "/proc/x.json"],
            "--json=/proc/x.json: allowed is a file that can be written; choose",
        ),
        (["{a}", "{b}", "--fail", "5%"], "unrecognized arguments"),
        (["{a}", "{broken}"], "damaged: not JSON"),
    ],
)
def test_a_mistake_is_one_line(runs, tmp_path, words, said):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    done = compare(*(word.format(a=runs / "a", b=runs / "b", broken=broken) for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_it_loads_no_engine():
    engines = "{'torch', 'faiss', 'numpy', 'hydra'}"
    script = f"import sys, xclass.cli.compare; sys.exit(bool({engines} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
