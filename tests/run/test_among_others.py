"""Real runs beside other measured children: waiting, refusal, what records and reports say, and Ctrl-C."""

import contextlib
import json
import signal
import subprocess
import sys

import pytest
from real_runs import ROOT, SMALL, RunFolder, command, wait_until

from xclass.errors import CrowdedError
from xclass.measure.register import Claim, State, Stay, register_folder
from xclass.measure.timeline import TimelineSampler
from xclass.records.neighbours import MOST_LISTED
from xclass.records.record import Pass, Phase
from xclass.run.launcher import ChildResult
from xclass.run.neighbours import conditions_of, place_for
from xclass.run.room import place_here
from xclass.run.spec import ChildSpec

HOLDER = ROOT / "tests" / "measure" / "children" / "holder.py"
WORDS = (
    "+classes=500", *SMALL, "methods=[prior]", "measure.heap_pass=false", "evaluate.leakage_seconds=0"
)  # fmt: skip
TEBIBYTE = str(1 << 20)
"""In MiB."""
LINE = "waiting for memory held by dense_softmax train of 2026/holder (1024 GiB reserved)"


@pytest.fixture(scope="module", autouse=True)
def register(tmp_path_factory):
    """A register of these tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XCLASS_NEIGHBOURS", str(tmp_path_factory.mktemp("among_others") / "register"))
        yield register_folder()


def hold(register):
    """A launcher whose child has reserved more than any machine has, and touched 10 MiB of it."""
    words = [sys.executable, str(HOLDER), str(register), "/runs/2026/holder", TEBIBYTE, "10"]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "running\n"
    return holder


@pytest.fixture
def holder(register):
    """Such a launcher, for the time of a test."""
    holder = hold(register)
    yield holder
    holder.kill()
    holder.communicate()


@pytest.fixture(scope="module")
def waited(register, tmp_path_factory):
    """A real run that had to wait for such a launcher and was measured after it, to its end."""
    holder, folder = hold(register), tmp_path_factory.mktemp("waited") / "run"
    run = Started(command(*WORDS, f"hydra.run.dir={folder}"), folder)
    try:
        wait_until(lambda: LINE in run.said(), what="the line that it waits")
    finally:
        holder.communicate("")
    assert run.exit_code() == 0, run.said()
    return run


class Started:
    """A command that runs, its output in a file."""

    def __init__(self, words, folder):
        self.folder = RunFolder(folder)
        self._out = folder.with_suffix(".out")
        with self._out.open("w") as out:
            self.process = subprocess.Popen(words, cwd=folder.parent, stdout=out, stderr=subprocess.STDOUT)

    def said(self):
        return self._out.read_text()

    def exit_code(self):
        return self.process.wait(60)


@pytest.fixture
def start_run(tmp_path):
    """Callable: (*words) -> Started."""
    started = []

    def start(*words):
        folder = tmp_path / "run"
        started.append(Started(command(*WORDS, *words, f"hydra.run.dir={folder}"), folder))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.wait()


def neighbours(folder, name):
    return folder.record(name)["conditions"]["neighbours"]


def test_what_does_not_fit_beside_others_is_refused_by_name(holder, start_run):
    run = start_run("measure.wait_minutes=0")
    assert run.exit_code() == 3, run.said()
    record = run.folder.record("prior-build-rss")
    assert record["verdict"] == "does_not_fit"
    assert record["cause"].startswith("does not fit beside others: needs ")
    assert "0 B available beside dense_softmax train of 2026/holder (1024 GiB reserved); " in record["cause"]
    assert "measure.wait_minutes" in record["cause"]
    assert "does not fit beside others" in run.folder.report()
    assert run.folder.record("prior-serve-rss")["cause"].startswith("not run: no model")
    assert "waiting" not in run.said()
    assert "prior build: does not fit, " in run.said()


def test_a_run_waits_for_its_turn_and_its_records_say_who_was_there(waited):
    assert waited.said().count(LINE) == 1
    (met,) = neighbours(waited.folder, "synthetic-prepare-rss")
    assert met == {
        "run_dir": "/runs/2026/holder", "method": "dense_softmax", "phases": "train",
        "reserved_bytes": 1 << 40, "share": 1.0,
    }  # fmt: skip
    assert neighbours(waited.folder, "prior-serve-rss") == []
    rows = waited.folder.rows()
    assert "2026/holder" in rows["synthetic", "prepare"]["disturbed_by"]
    assert rows["prior", "serve"]["disturbed_by"] is None
    assert "(disturbed)" in waited.folder.report()
    said = " ".join(waited.said().split())
    assert "Times disturbed by other measured children (report.md names them): synthetic prepare" in said


def test_ctrl_c_while_it_waits_ends_it_in_order(holder, start_run, register):
    run = start_run()
    wait_until(lambda: "waiting" in run.said(), what="the line that it waits")
    run.process.send_signal(signal.SIGINT)
    assert run.exit_code() == 130
    assert "interrupted: what was measured until then is kept" in run.said()
    assert "Traceback" not in run.said()
    assert len(list(register.glob("*.json"))) <= 2, "the holder's, and one that the next look clears away"


def test_a_proof_is_refused_like_a_run_and_made_when_there_is_room(waited, holder):
    (spec,) = (waited.folder.path / "specs").glob("*serve-rss.json")
    document = json.loads(spec.read_text())
    document["config"]["measure"]["wait_minutes"] = 0.0
    spec.write_text(json.dumps(document))
    words = [sys.executable, "-m", "xclass.prove", str(waited.folder.path), "size=1GB"]
    crowded = subprocess.run(words, capture_output=True, text=True, check=False)
    assert crowded.returncode == 1
    assert crowded.stderr.startswith("xclass: does not fit beside others")
    assert len(crowded.stderr.splitlines()) == 1
    assert not list((waited.folder.path / "proofs").glob("*.json")), "nothing is shown by it"
    holder.communicate("")
    free = subprocess.run(words, capture_output=True, text=True, check=False)
    assert free.returncode == 0, free.stderr
    (proof,) = (waited.folder.path / "proofs").glob("*.json")
    assert json.loads(proof.read_text())["conditions"]["neighbours"] == []


def make_spec(run_dir):
    config = {"classes": 2, "measure": {"wait_minutes": 0.0}, "data": {}, "method": {}}
    return ChildSpec(
        method="dense_softmax", phases=[Phase.LOAD, Phase.SERVE], pass_=Pass.RSS, data_name="synthetic",
        config=config, run_dir=str(run_dir), model_dir="",
    )  # fmt: skip


def test_a_plan_names_who_runs(tmp_path):
    alone = place_here(tmp_path, 0.05).available_words
    with place_for(make_spec(tmp_path), 3 << 30):
        words = place_here(tmp_path, 0.05).available_words
    folder = "/".join(tmp_path.parts[-2:])
    assert words == f"{alone}; beside dense_softmax load, serve of {folder} (3 GiB reserved)"


def test_a_place_is_free_again_after_a_failure_inside(tmp_path):
    with contextlib.suppress(ZeroDivisionError), place_for(make_spec(tmp_path), 1 << 60):
        raise ZeroDivisionError
    with place_for(make_spec(tmp_path), 1 << 60):
        pass


def test_a_measurement_is_not_lost_where_no_register_can_be_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XCLASS_NEIGHBOURS", str(tmp_path))
    tmp_path.chmod(0o755)
    result = result_of([])
    with place_for(make_spec(tmp_path), 1 << 60) as place:
        place.close(result)
    conditions = conditions_of("serve", result)
    assert "not a folder of this user alone" in conditions["neighbours_failure"]
    assert conditions["available_bytes"] > 0
    assert "neighbours" not in conditions, "nobody knows"


def test_the_refusal_of_a_place_is_one_line(tmp_path):
    with place_for(make_spec(tmp_path), 1 << 60), pytest.raises(CrowdedError) as refused:
        place_for(make_spec(tmp_path), 1 << 60).__enter__()
    assert "load, serve of" in str(refused.value)
    assert "\n" not in str(refused.value)


def stay(run_dir, begin, end, reserved=1):
    claim = Claim(run_dir=run_dir, method="m", phases="train", required_bytes=reserved)
    return Stay(
        claim=claim, state=State.ENDED, since=begin, seen=begin, begin=begin, end=end, pid=1, namespace="",
        boot="", scopes=[],
    )  # fmt: skip


def result_of(neighbours):
    result = ChildResult(command=[], sampler=TimelineSampler(1), conditions={"load_average": 1.0})
    result.phase_begins = {"load": 100.0, "serve": 110.0}
    result.outcomes = {"load": {"seconds": 4.0}}
    result.ended_at, result.neighbours = 120.0, neighbours
    return result


def test_each_phase_lists_who_ran_in_its_own_time():
    result = result_of([stay("/a", 90.0, 102.0), stay("/b", 103.0, 112.0), stay("/c", 104.5, 109.0)])
    shares = {
        phase: {one["run_dir"]: one["share"] for one in conditions_of(phase, result)["neighbours"]}
        for phase in ("load", "serve")
    }
    assert shares == {"load": {"/a": 0.5, "/b": 0.25}, "serve": {"/b": 0.2}}


def test_children_of_one_run_count_together():
    result = result_of([stay("/s", 110.0, 113.0, 5), stay("/s", 114.0, 116.0, 9), stay("/x", 0.0, 200.0)])
    first, second = conditions_of("serve", result)["neighbours"]
    assert (first["run_dir"], first["share"]) == ("/x", 1.0)
    assert (second["run_dir"], second["share"], second["reserved_bytes"]) == ("/s", 0.5, 9)


def test_of_hundreds_those_are_kept_that_stayed_longest():
    crowd = [stay(f"/{number}", 110.0, 110.0 + number / 100) for number in range(1, 300)]
    found = conditions_of("serve", result_of(crowd))["neighbours"]
    assert len(found) == MOST_LISTED
    assert found[0]["run_dir"] == "/299"
