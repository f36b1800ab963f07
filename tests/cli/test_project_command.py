"""The command ``python -m xclass.project`` as it is typed, over the committed records of three sizes."""

import json
import os
import signal
import subprocess
import sys

import pytest
from real_runs import ROOT

from xclass.cli.project import main

SIZES = ROOT / "benchmarks" / "records" / "sizes"
LEMMAS = ROOT / "benchmarks" / "records" / "lemmas_all"


def project(*words, columns=100, cwd=ROOT):
    command = [sys.executable, "-m", "xclass.project", *map(str, words)]
    environment = {**os.environ, "COLUMNS": str(columns), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=cwd
    )


def test_three_sizes_give_five_million_with_server_hold_out_and_all_numbers(tmp_path):
    done = project(f"runs={SIZES}", "+classes=5e6", "methods=[nearest_neighbour]", f"out={tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nearest_neighbour, Flat: 5,000,000 classes x 64" in done.stdout
    assert "dense_softmax" not in done.stdout, "only the method that was named"
    for words in (
        "held out: 1,000,000 classes x 64",
        "5x beyond",
        "USD a month",
        "queries right, measured at 1,000,000",
        "GUESS",
    ):
        assert words in " ".join(done.stdout.split()), words
    first = " ".join(done.stdout.split("\n\n")[0].split())
    assert first.startswith("5,000,000 classes x 64, leanest to serve: nearest_neighbour, Flat: 1.27 GiB")
    assert "prices of 2020-06-30 to 20" in " ".join(done.stdout.split()), "a mix of dates is no date"
    document = json.loads((tmp_path / "projection.json").read_text())
    (variant,) = document["variants"]
    (query,) = [time for time in variant["phases"][2]["times"] if time["quantity"] == "query"]
    assert query["count"] == 200
    build = variant["phases"][0]
    assert build["base_bytes"] + sum(build["components"].values()) == build["peak"]["value"]
    assert build["peak"]["low"] < build["peak"]["value"] < build["peak"]["high"]
    assert variant["servers"]["serve"]["needed_bytes"] == variant["phases"][2]["peak"]["high"]
    assert {one["quantity"] for one in document["held_out"]} >= {"peak_bytes", "query"}


def test_a_figure_beyond_ten_times_is_marked_and_one_of_another_variant_says_so():
    done = project(
        f"runs={SIZES}", "+classes=2e7", "index=sq8", "methods=[nearest_neighbour,sampled_softmax]"
    )
    assert done.returncode == 0, done.stderr
    assert "20x beyond !" in done.stdout
    assert "nearest_neighbour, SQ8" in done.stdout
    assert "closed form !" in done.stdout
    assert "not measured in these runs" in done.stdout


def test_nothing_named_shows_what_was_measured():
    done = project(f"runs={SIZES}", "methods=[sampled_softmax]", columns=80)
    assert done.returncode == 0, done.stderr
    assert "sampled_softmax: 1,000,000 classes x 64" in done.stdout
    assert done.stdout.count("  measured") >= 3
    assert "in all" in done.stdout
    assert max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 80


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "runs=(nothing): allowed is folders of runs or sweeps"),
        (("runs=/no/where",), 2, "runs=/no/where: allowed is folders"),
        ((f"runs={ROOT / 'conf'}",), 1, "conf: no records in it; give the folder of a run, or of a sweep"),
        ((f"runs={SIZES}", "+clases=5e6"), 2, "did you mean classes?"),
        ((f"runs={SIZES}", "+classes=5.5"), 2, "classes=5.5: allowed is a whole number"),
        ((f"runs={SIZES}", "+classes=1"), 2, "classes=1: allowed is 2 to"),
        ((f"runs={SIZES}", "+classes=5e9"), 2, "add far=true"),
        ((f"runs={SIZES}", "dim=96", "index.factory=PQ64x4fs"), 2, "divides 96 dimensions, not 64"),
        ((f"runs={SIZES}", "far=yes"), 2, "far=yes: allowed is true or false"),
        ((f"runs={SIZES}", "hardware=abacus"), 2, "hardware=abacus: allowed is"),
        ((f"runs={SIZES}", "experiment=all_lemmas"), 2, "allowed is a setting of a run"),
        ((f"runs={SIZES},{LEMMAS}",), 2, "allowed is runs of one data source"),
        ((f"runs={SIZES}", "data.cache=x"), 2, "data.cache=x: allowed is a setting of the chosen data"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_that_says_what_to_do(words, code, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["project", *words])
    # It takes SIGTERM over for as long as the process lives, which here is that of all tests.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (code, ""), err
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_named():
    done = project(f"runs={SIZES}", "methods=[sampled_softmax]", "out=/proc/offer")
    assert done.returncode == 2
    assert done.stderr.startswith("xclass: out=/proc/offer: allowed is a folder that can be written")


def test_help_explains_and_engines_stay_out():
    done = project("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m xclass.project")
    assert max(map(len, done.stdout.splitlines())) <= 110
    script = "import sys, xclass.cli.project; print({'torch', 'faiss', 'numpy', 'scipy'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert loaded.stdout == "set()\n"


def test_a_projection_to_ranks_rents_a_machine_for_each(tmp_path):
    words = (f"runs={SIZES}", "methods=[dense_softmax]", "+classes=8e6")
    done = project(*words, "ranks=8", f"out={tmp_path}")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "trained in 8 ranks, one on each machine (ranks=8)" in text
    assert "8 x " in text
    assert "in all" in text
    (variant,) = json.loads((tmp_path / "projection.json").read_text())["variants"]
    train = variant["phases"][0]
    assert train["layout"] == {"num_ranks": 8, "ranks_here": 1}
    assert train["extrapolation"] == 1.0, "a rank has a million classes, which were measured"
    assert train["basis"] == "projected"
    assert variant["servers"]["train"]["needed_bytes"] > train["peak"]["high"], "torchrun's process besides"
    assert variant["spread"]["cluster"]["num_ranks"] == 8


def test_what_no_server_holds_is_offered_in_ranks():
    done = project(f"runs={SIZES}", "methods=[dense_softmax]", "+classes=9e11", "far=true", "hardware=bare")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "no server of the catalogue offers" in text
    assert "one on each machine (ranks=" in text
