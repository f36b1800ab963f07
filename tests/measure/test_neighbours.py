"""The register of measured children: who gets a place, what it counts, and who is told of whom."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from xclass.errors import MeasurementError
from xclass.measure.limits import MACHINE, PROCESS, AvailableMemory, memory_scopes
from xclass.measure.neighbours import Place, is_under, memory_without, running_children, touched_bytes
from xclass.measure.register import Claim, State

GIB, MIB = 1 << 30, 1 << 20
HOLDER = Path(__file__).parent / "children" / "holder.py"


@pytest.fixture
def proc(tmp_path):
    """A machine with 10 GiB available, on which no process can be looked into."""
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "meminfo").write_text(f"MemTotal: {12 << 20} kB\nMemFree: 1 kB\nMemAvailable: {10 << 20} kB\n")
    return folder


@pytest.fixture
def make_place(tmp_path, proc):
    """Callable: (gibibytes, run_dir=..., share=...) -> Place, waiting; all are let go with the test."""
    made = []

    def make(gibibytes, run_dir="/runs/a", share=0.0):
        required = int(gibibytes * GIB)
        claim = Claim(
            run_dir=run_dir, method="m", phases="train", required_bytes=required, reserve_share=share
        )
        made.append(Place(claim, tmp_path / "register", proc))
        return made[-1]

    yield make
    for place in made:
        place.__exit__(None, None, None)


@pytest.fixture
def start_holder(tmp_path):
    """Callable: (reserved_mib, touched_mib, wait=...) -> Popen of a real launcher with a real child."""
    started = []

    def start(reserved, touched, *, wait="running"):
        words = [str(tmp_path / "register"), "/runs/holder", str(reserved), str(touched)]
        holder = subprocess.Popen(
            [sys.executable, str(HOLDER), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(holder)
        assert holder.stdout.readline().strip() == wait
        return holder

    yield start
    for holder in started:
        holder.kill()
        holder.communicate()


def test_what_others_reserved_and_have_not_touched_is_not_available(make_place):
    assert make_place(6).take() is None
    crowd = make_place(5).take()
    assert crowd.usable_bytes == 4 * GIB
    assert [other.claim.required_bytes for other in crowd.others] == [6 * GIB]
    assert make_place(4).take() is None


def test_the_reserve_stays_free_beside_others(make_place):
    make_place(6).take()
    assert make_place(4, share=0.05).take().usable_bytes == int(0.95 * 4 * GIB)


def test_alone_a_child_always_gets_its_place(make_place):
    """Whether it fits the machine was planned before; here only others count."""
    assert make_place(100).take() is None


def test_of_many_at_once_those_get_a_place_that_fit_and_came_first(make_place):
    places = [make_place(3, run_dir=f"/runs/{number}") for number in range(8)]
    start, taken = threading.Barrier(len(places)), []

    def claim(number):
        start.wait()
        deadline = time.monotonic() + 10
        while len(taken) < 3 and time.monotonic() < deadline:
            if places[number].take() is None:
                taken.append(number)
                return
            time.sleep(0.02)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(len(places))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [0, 1, 2]
    assert places[3].take() is not None


def test_what_a_real_child_touched_is_counted_by_its_launchers_tree(start_holder, tmp_path):
    start_holder(1000, 200)
    (stay,) = running_children(tmp_path / "register")
    assert touched_bytes(stay) == pytest.approx(200 * MIB, abs=20 * MIB)
    foreign = replace(stay, namespace="pid:[1]")
    assert touched_bytes(foreign) == 0, "its number means another process here"


def test_memory_that_a_neighbour_holds_comes_back_when_it_is_thought_away(start_holder, tmp_path):
    start_holder(1000, 300)
    children = running_children(tmp_path / "register")
    # The machine is shared: only the difference of two looks at once is known.
    with_it, without = memory_without([]), memory_without(children)
    gained = without.available_bytes - with_it.available_bytes
    assert gained == pytest.approx(300 * MIB, abs=100 * MIB)


def test_two_real_children_that_do_not_fit_together_run_one_after_the_other(start_holder):
    total = int(Path("/proc/meminfo").read_text().split()[1]) >> 10
    first = start_holder(total, 10)
    second = start_holder(total, 10, wait="crowded")
    first.communicate("")
    assert second.stdout.readline().strip() == "running"


def test_a_killed_launcher_reserves_nothing(start_holder, make_place, tmp_path):
    holder = start_holder(1000, 10)
    holder.kill()
    holder.wait()
    assert running_children(tmp_path / "register") == []


def test_one_that_came_later_and_left_earlier_is_known(make_place):
    long = make_place(1)
    long.take()
    short = make_place(1, run_dir="/runs/short")
    short.take()
    assert [stay.claim.run_dir for stay in short.leave()] == ["/runs/a"]
    (met,) = long.leave()
    assert met.claim.run_dir == "/runs/short"
    assert met.state is State.ENDED
    assert met.begin < met.end < time.monotonic()


def test_one_that_waited_or_ended_before_is_no_neighbour(make_place):
    early = make_place(1, run_dir="/runs/early")
    early.take()
    early.leave()
    late, waiting = make_place(9), make_place(9, run_dir="/runs/waiting")
    assert late.take() is None
    assert waiting.take() is not None
    assert late.leave() == []


def test_nothing_is_left_behind(make_place, tmp_path):
    first, second = make_place(1), make_place(1)
    first.take()
    second.take()
    first.leave()
    assert len(list((tmp_path / "register").glob("*.json"))) == 2, "the second has met the first"
    second.leave()
    assert list((tmp_path / "register").glob("*.json")) == []


def test_who_has_waited_longer_goes_first_where_it_fits(make_place):
    running = make_place(6)
    running.take()
    big = make_place(9, run_dir="/runs/big")
    assert big.take() is not None
    next_small = make_place(2, run_dir="/runs/small")
    assert next_small.take() is None, "beside the running one the big one does not fit anyway"
    next_small.leave()
    running.leave()
    crowd = make_place(2, run_dir="/runs/small").take()
    assert [other.claim.run_dir for other in crowd.others] == ["/runs/big"]
    assert big.take() is None


def test_one_that_stopped_looking_keeps_nobody_waiting(make_place, monkeypatch):
    monkeypatch.setattr("xclass.measure.neighbours._STALE_SECONDS", 0.0)
    running = make_place(6)
    running.take()
    assert make_place(9, run_dir="/runs/stopped").take() is not None
    running.leave()
    assert make_place(2).take() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"claim": 3}', b"\xff\xfe"])
def test_a_damaged_entry_is_cleared_away(make_place, tmp_path, content):
    place = make_place(1)
    damaged = tmp_path / "register" / "9-damaged.json"
    damaged.write_bytes(content)
    assert place.take() is None
    assert not damaged.exists()


def test_an_entry_of_an_earlier_boot_counts_nothing(make_place, tmp_path, proc):
    place = make_place(9)
    place.take()
    (path,) = (tmp_path / "register").glob("*.json")
    entry = json.loads(path.read_text())
    (tmp_path / "register" / "1-old.json").write_text(json.dumps(entry | {"boot": "another"}))
    assert len(running_children(tmp_path / "register", proc)) == 1
    assert not (tmp_path / "register" / "1-old.json").exists()


def test_a_folder_that_others_can_write_is_not_trusted(tmp_path):
    claim = Claim(run_dir="/runs/a", method="m", phases="train", required_bytes=1)
    (tmp_path / "open").mkdir(mode=0o700)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").write_text("")
    for name in ("open", "link", "file", "missing/below"):
        with pytest.raises(MeasurementError, match=r"XCLASS_NEIGHBOURS"):
            Place(claim, tmp_path / name)


def test_a_program_that_hangs_in_the_register_stops_nobody(make_place, tmp_path, monkeypatch):
    monkeypatch.setattr("xclass.measure.register._LOCK_SECONDS", 0.1)
    place = make_place(1)
    program = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, 2); print(1, flush=True); input()"
    )
    lock = str(tmp_path / "register" / "lock")
    hanging = subprocess.Popen(
        [sys.executable, "-c", program, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    hanging.stdout.readline()
    try:
        with pytest.raises(MeasurementError, match="hangs"):
            place.take()
    finally:
        hanging.kill()
        hanging.communicate()


def test_a_neighbour_counts_under_the_limits_that_bind_it(make_place, tmp_path, proc):
    make_place(1).take()
    (stay,) = running_children(tmp_path / "register", proc)
    stay = replace(stay, scopes=["1:2"])
    limit = AvailableMemory(1, 1, "some limit")
    assert is_under(stay, replace(limit, scope=MACHINE))
    assert is_under(stay, replace(limit, scope="1:2"))
    assert not is_under(stay, replace(limit, scope="1:3"))
    assert not is_under(stay, replace(limit, scope=PROCESS))


def test_every_control_group_of_this_process_has_a_scope():
    scopes = memory_scopes()
    assert len(set(scopes)) == len(scopes)
    assert all(":" in scope for scope in scopes)


def test_the_folder_belongs_to_the_user(monkeypatch):
    from xclass.measure.register import register_folder

    monkeypatch.delenv("XCLASS_NEIGHBOURS")
    assert register_folder() == Path(f"/tmp/xclass-{os.geteuid()}")
