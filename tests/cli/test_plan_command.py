"""``python -m xclass.plan``: the estimate before there is data, and that nothing heavy runs for it."""

import json
import subprocess
import sys
import time

import pytest
from real_runs import ROOT

from xclass.cli.plan import main, make_estimate
from xclass.cli.plan_words import parse_words
from xclass.records.store import read_records
from xclass.report.plan_sections import plan_text
from xclass.run.room import place_here
from xclass.sizing.plan import make_shape, plan_method

RECORDS = ROOT / "benchmarks" / "records"
RAM = "ram=24GiB"
ALL = "methods=[dense_softmax,dense_softmax_autograd,sampled_softmax,nearest_neighbour]"
TABLE_WIDTH = 100


@pytest.fixture
def plan(monkeypatch, capsys):
    """Callable: (*words) -> (exit code, standard output, standard error)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["xclass.plan", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def estimate(*words):
    ram = [] if any(word.startswith("ram=") for word in words) else [RAM]
    return make_estimate(parse_words([*ram, "hardware=bare", *words]))


def phases_of(found):
    return {
        (method.method, phase.projected.phase): phase.projected
        for method in found.methods
        for phase in method.phases
    }


def test_what_fits_ends_with_0_and_what_does_not_with_3(plan):
    code, out, err = plan("+classes=5e6", "dim=768", "ram=64GB")
    assert (code, err) == (0, "")
    assert out.startswith("Fits: 5,000,000 classes x 768 with dense_softmax, sampled_softmax and")
    code, out, err = plan("+classes=5e6", "dim=768", "ram=2GB")
    assert (code, err) == (3, "")
    assert out.startswith("Does not fit: 5,000,000 classes x 768 with ")
    flowing = " ".join(out.split())
    assert (
        "2.00 GB: training needs 14.6 GiB of memory, 1.16 GiB available. Serving alone fits (read" in flowing
    )
    assert " no, 13.4 GiB short" in flowing
    assert "dense_softmax 300,000 " in flowing
    assert "fits a machine of 2.00 GB: " in flowing
    assert (
        "serve dense_softmax, sampled_softmax, nearest_neighbour; build nearest_neighbour in 1.02 GiB"
        in flowing
    )
    assert "leaner, at a cost that was measured" in flowing
    assert "99.10 % of the ten that exact search finds" in flowing
    assert "USD a month" in flowing


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (["ram=0"], "ram=0", "the unit is missing"),
        (["ram=abc"], "ram=abc", "try ram=64GB"),
        (["ram=2000TB"], "ram=2000TB", "more than a petabyte"),
        (["ram=1GB", "ram=2GB"], "ram=2GB", "once"),
        (["disk=5"], "disk=5", "try disk=64GB"),
        (["rams=3GB"], "rams=3GB", "did you mean ram?"),
        (["foo=3"], "foo=3", "none of this name"),
        (["classes=1"], "classes=1", "2 to "),
        (["data=lemmas", "classes=4e6"], "classes=4000000", "2 to 3027563 for data=lemmas"),
        (["runs=/nowhere"], "runs=/nowhere", "there is no such folder"),
        (["runs=a,,b"], "runs=a,,b", "name each"),
        (["far=maybe"], "far=maybe", "true or false"),
        (["features=few"], "features=few", "25,000 is the default"),
        (["indexes=foo"], "indexes=foo", "ivf_sq8"),
        (["indexes=flat", "index=sq8"], "indexes=flat", "take one of them out"),
        (["hardware=nope"], "hardware=nope", "clouds"),
        (["-m", "classes=1e3"], "command line=-m", "key=value"),
        (["classes=1e3,1e4"], "classes=1e3,1e4", "one value per run"),
    ],
)
def test_a_mistake_is_one_line_and_ends_with_2(plan, words, key, says):
    hardware = [] if key.startswith("hardware") else ["hardware=bare"]
    code, out, err = plan(*words, *hardware)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith(f"xclass: {key.replace('1e3,1e4', '1000,10000')}: allowed is ")
    assert says in err


def test_a_run_that_cannot_be_read_ends_with_1(plan, tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "dense_softmax-train-rss.json").write_text('{"schema_version": 0}')
    code, out, err = plan(f"runs={tmp_path}", "hardware=bare")
    assert (code, out) == (1, "")
    assert "schema_version=0" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("run", ["main_1e5", "synthetic_5e6"])
def test_its_bytes_are_those_that_a_run_wrote_down_before_it_was_measured(run):
    """Building, opening and serving to the byte; the form of training has become 0.4 % more exact since."""
    records = [record for record in read_records(RECORDS / run) if record.phase != "prepare"]
    found = phases_of(estimate(f"classes={records[0].classes}", "threads=2"))
    for record in records:
        phase = found[record.method, record.phase]
        if record.phase == "train":
            measured = record.memory and record.memory.peak_rss_bytes
            assert measured is None or phase.peak.value == pytest.approx(measured, rel=0.02)
            continue
        assert phase.peak.value == record.predicted["peak_bytes"]
        assert phase.components == record.predicted["components"]
        if record.phase == "build":
            assert phase.disk_bytes == record.predicted["disk_bytes"]


def test_it_refuses_what_a_run_refuses():
    """Both by the same rule: the first phase whose bytes are missing, whatever the method."""
    found = estimate("classes=5e6", "dim=128", ALL)
    config = found.config
    for method in found.methods:
        plans = plan_method(config, method.method, make_shape(config, config.classes))
        assert method.fits == all(found.place.room.holds(plan) for plan in plans)
    assert [method.name for method in found.methods if not method.fits] == ["dense_softmax_autograd"]
    assert not found.fits


def test_measured_runs_give_projections_with_their_interval():
    found = estimate("classes=5e6", f"runs={RECORDS}/main_1e5,{RECORDS}/measure/repeats")
    for record in read_records(RECORDS / "synthetic_5e6"):
        if record.pass_ != "rss" or record.phase in ("prepare", "load"):
            continue
        phase = phases_of(found)[record.method, record.phase]
        assert phase.basis == "projected"
        assert phase.peak.value == pytest.approx(record.memory.peak_rss_bytes, rel=0.02)
    text = " ".join(plan_text(found).split())
    assert "projected from the runs that were given" in text
    assert "hold-out" in text


def test_models_of_earlier_methods_stay_on_the_disk():
    model_bytes = 4 * 5_000_000 * 64
    words = ("classes=5e6", "measure.heap_pass=false")
    for disk, fits in ((3 * model_bytes, True), (3 * model_bytes - 1, False)):
        assert estimate(*words, f"disk={disk}").fits is fits
    assert estimate(*words, f"disk={model_bytes}", "keep_models=false").fits


def test_kinds_of_index_stand_side_by_side():
    found = estimate("classes=5e6", "indexes=flat,sq8,pq_fast_scan", "methods=[nearest_neighbour]")
    flat, sq8, pq = found.methods
    assert [method.name for method in found.methods] == ["index=flat", "index=sq8", "index=pq_fast_scan"]
    assert flat.saved_bytes > 3 * sq8.saved_bytes > 4 * pq.saved_bytes
    assert flat.capacity.fit_classes < sq8.capacity.fit_classes < pq.capacity.fit_classes


@pytest.mark.parametrize("words", [["classes=2"], ["classes=1e12"], ["data=lemmas"], ["device=cuda"], []])
def test_every_size_and_source_has_an_answer(words):
    found = estimate(*words)
    text = plan_text(found, has_details=True)
    assert max(len(line) for line in text.splitlines()) <= TABLE_WIDTH
    flowing = " ".join(text.split())
    assert "inf" not in flowing.lower().replace("information", "").split()
    assert "a machine of 25.8 GB: 24 GiB of RAM" in flowing
    assert "25,000 features" in flowing
    assert ("steps on a GPU were never measured" in flowing) == (words == ["device=cuda"])
    assert ("all 3,027,563" in flowing) == (words == ["data=lemmas"])


def test_the_time_says_whose_it_is_and_how_to_have_ones_own():
    text = " ".join(plan_text(estimate("classes=5e6")).split())
    assert "Times were measured on AMD EPYC with 2 CPUs; another machine differs as a whole" in text
    assert "python -m xclass -m +classes=1e4,1e5,1e6, then this command with runs=" in text
    assert "the experiment itself takes about " in text
    assert "Runs that were made took 0.9 to 2.0 times their estimate" in text


def test_everything_is_there_for_programs(plan, tmp_path):
    path = tmp_path / "plan.json"
    code, out, _ = plan("+classes=1e12", RAM, "hardware=bare", f"out={path}")
    document = json.loads(path.read_text())
    assert (code, document["fits"]) == (3, False)
    assert " ".join(out.split()).startswith(document["verdict"])
    first = document["methods"][0]
    train = first["phases"][0]
    assert train["base_bytes"] + sum(train["components"].values()) == train["peak"]["value"]
    assert train["extrapolation"] is None
    assert first["largest_classes"]["fit_classes"] > 10**7
    assert document["naive"]["weights_bytes"] == 10**12 * 25_000 * 4
    assert document["place"]["room"]["usable_bytes"] < 24 << 30


def test_this_machine_is_asked_where_no_other_is_named(tmp_path):
    place = place_here(tmp_path, 0.25)
    assert 0 < place.room.usable_bytes == int(place.available_bytes * 0.75)
    assert place.available_bytes <= place.ram_bytes
    assert place.is_disk_known


def test_a_file_that_cannot_be_written_is_named(plan, tmp_path):
    code, _, err = plan(RAM, "hardware=bare", f"out={tmp_path}")
    assert code == 2
    assert err.startswith(f"xclass: out={tmp_path}: allowed is a file that can be written; ")


def test_of_what_does_not_fit_the_settings_that_give_up_least_are_named():
    """bfloat16 halves the 14.3 GiB of a head; an index of one byte per value is a quarter of them."""
    found = estimate("classes=5e6", "dim=768", "ram=12GB", "methods=[dense_softmax,nearest_neighbour]")
    head, index = found.methods
    assert {one.phase: one.option for one in head.leaner} == {
        "train": "bfloat16_dense_softmax",
        "serve": "bfloat16_dense_softmax",
    }
    assert index.leaner[0].option.startswith("sq8")
    for one in (*head.leaner, *index.leaner):
        assert one.needed_bytes <= found.place.room.usable_bytes
    brief, long = (" ".join(plan_text(found, has_details=details).split()) for details in (False, True))
    for text in (brief, long):
        assert "fits a machine of 12.0 GB: train dense_softmax; serve dense_softmax in 7.62 GiB" in text
    assert "weights.dtype=bfloat16" in long
    assert "weights.dtype=bfloat16" not in brief


def test_one_screen_says_it_all_and_details_say_the_rest(plan):
    words = ("+classes=5e6", "dim=768", "ram=64GB")
    _, brief, _ = plan(*words)
    _, long, _ = plan(*words, "details=true")
    assert len(brief.splitlines()) <= 70 < len(long.splitlines())
    assert brief.count("99.10 %") == long.count("99.10 %") == 1, "a measurement stands once"
    assert "prices of 2020-06-30 to 2025-03-02, compared as they stand" in " ".join(brief.split())
    assert "one query alone" in long
    assert "one query alone" not in brief


def test_what_lacks_disk_says_so():
    found = estimate("classes=5e6", "dim=768", "disk=20GiB", "methods=[dense_softmax]")
    assert "no, 8.61 GiB of disk short" in plan_text(found)


def test_help_has_examples(plan):
    code, out, err = plan("--help")
    assert (code, err) == (0, "")
    assert "python -m xclass.plan +classes=5e6 dim=768 ram=64GB" in out
    assert "exit codes: 0 all of it fits; 3 something does not; 2 the command is wrong" in out
    assert "instance: rack-7" in out, "what a catalogue of one's own looks like"


def test_the_typed_command_takes_seconds_and_loads_no_engine(tmp_path):
    script = (
        "import sys, runpy\n"
        "sys.argv = ['plan', '+classes=5e6', 'dim=768', 'ram=64GB']\n"
        "try:\n    runpy.run_module('xclass.plan', run_name='__main__')\n"
        "finally:\n    print({'torch', 'faiss', 'numpy', 'scipy'} & set(sys.modules))\n"
    )
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("set()\n")
    assert time.monotonic() - begun < 10, "0.8 s on a quiet machine; the goal is 2"


def flowing(text):
    return " ".join(text.split())


def test_what_no_machine_holds_is_offered_on_several(plan, tmp_path):
    out_file = tmp_path / "plan.json"
    code, out, _ = plan("+classes=5e8", "dim=128", "ram=64GB", f"out={out_file}")
    text = flowing(out)
    assert code == 3
    assert "dense_softmax needs 5 x 64.0 GB, the fewest that do" in text
    assert "one on each machine (ranks=5): 48.5 GiB on each, with 100,000,000 classes" in text
    assert "examples: each rank sends 222 KiB, about 1.33 ms at 10 Gbit/s and 50 us a message" in text
    assert "nearest_neighbour: built within 51.9 GiB in 5 shards" in text
    found = {one["method"]: one for one in json.loads(out_file.read_text())["methods"]}
    spread = found["dense_softmax"]["spread"]
    assert (spread["num_ranks"], found["nearest_neighbour"]["shards"]) == (5, 5)
    assert spread["usd_per_month"] == 5 * spread["server"]["usd_per_month"]
    assert found["nearest_neighbour"]["spread"] is None


def test_ranks_with_ram_are_machines_of_so_much_each(plan):
    words = ("+classes=5e8", "dim=128", "methods=[dense_softmax]", "ram=64GB")
    code, out, _ = plan(*words, "ranks=8")
    text = flowing(out)
    assert code == 0
    assert text.startswith("Fits: 500,000,000 classes x 128 with dense_softmax on 8 machines of 64.0 GB")
    assert "train: bytes of each of 8 ranks; a machine with one of them" in text
    assert "8 x " in text.split("the cheapest server")[1]
    code, out, _ = plan(*words, "ranks=3")
    assert code == 3
    assert "dense_softmax needs 5 x 64.0 GB, the fewest that do" in flowing(out)


def test_ranks_without_ram_are_all_on_this_machine():
    found = make_estimate(
        parse_words(["+classes=1e5", "dim=64", "ranks=4", "hardware=bare", "methods=[dense_softmax]"])
    )
    (method,) = found.methods
    plan = plan_method(method.config, "dense_softmax", make_shape(method.config, 100_000))[0]
    assert plan.layout.ranks_here == 4
    assert method.phases[0].required_bytes == plan.required_bytes
    assert method.spread is None
    assert "a machine with 4 of them" in flowing(plan_text(found))


def test_where_the_network_takes_longer_the_plan_warns():
    words = ["ranks=64", "ram=64GB", "hardware=bare", "methods=[dense_softmax]"]
    few, many = (
        flowing(plan_text(make_estimate(parse_words([*words, f"+classes={classes}"]))))
        for classes in ("1e5", "1e8")
    )
    assert "THE NETWORK TAKES LONGER" in few
    assert "THE NETWORK TAKES LONGER" not in many
