"""``python -m xclass.serve`` in real processes: swaps, deaths, overload and the end, seen by real clients."""

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from real_runs import wait_until
from serving_models import CENTRES, DIM, save_head

from xclass.cli.serve import _NUMBERS, _TEXTS, HELP
from xclass.measure.tree import descendants

BODY = {"vector": CENTRES[4].tolist(), "k": 1}
NUM_CLIENTS = 4


class Service:
    """A service that was typed, and what it said."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "xclass.serve", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        self.lines = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def said(self, words):
        return [line for line in self.lines if words in line]

    def wait_for(self, words):
        return wait_until(lambda: self.said(words), what=f"{words!r} in {self.lines}")[0]

    @property
    def url(self):
        return re.search(r"http://\S+", self.wait_for("serving "))[0]

    def workers(self):
        return descendants(self.process.pid)

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        self._reader.join()
        self.process.stdout.close()
        return code


@pytest.fixture
def serve():
    started = []

    def start(*words):
        started.append(Service(*words))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.process.kill()
            service.end()
        else:
            service.end()


def point(link, folder):
    new = link.with_name("new")
    new.symlink_to(folder)
    new.replace(link)


class Clients:
    """Some clients that ask one after the other until they are told to stop; what they heard is kept."""

    def __init__(self, url, *, num=NUM_CLIENTS):
        self.answers, self.failures = [], []
        self._url, self._is_over = url, threading.Event()
        self._pool = ThreadPoolExecutor(num)
        self._work = [self._pool.submit(self._ask) for _ in range(num)]

    def _ask(self):
        with httpx.Client(timeout=20) as client:
            while not self._is_over.is_set():
                try:
                    answer = client.post(f"{self._url}/predict", json=BODY)
                    self.answers.append((answer.status_code, answer.json()))
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))

    def stop(self):
        self._is_over.set()
        for work in self._work:
            work.result()
        self._pool.shutdown()


def test_models_are_swapped_a_worker_dies_and_no_request_fails(serve, tmp_path):
    """Class 4 is the best of the first model, class 0 of the second: the same vectors in another order."""
    first, second = (
        save_head(tmp_path / "first"),
        save_head(tmp_path / "second", weights=np.roll(CENTRES, -4, 0)),
    )
    damaged = save_head(tmp_path / "damaged")
    with (damaged / "weights.npy").open("ab") as file:
        file.write(b"x")
    link = tmp_path / "current"
    link.symlink_to(first)
    service = serve(f"model={link}", "port=0", "workers=2", "threads=2")
    url = service.url
    clients = Clients(url)
    wait_until(lambda: len(clients.answers) > 20)
    point(link, second)
    wait_until(lambda: len(service.said("took the place")) == 2)
    before = len(clients.answers)
    wait_until(lambda: len(clients.answers) > before + 20)
    point(link, link)
    wait_until(lambda: len(service.said("no such folder")) == 2, what="a link to itself is refused")
    point(link, damaged)
    wait_until(lambda: len(service.said("refused, the old one goes on")) == 4)
    clients.stop()
    assert clients.failures == []
    assert {status for status, _ in clients.answers} == {200}
    found = [answer["answers"][0][0]["class"] for _, answer in clients.answers]
    assert {*found} == {4, 0}
    # What each client had asked before it was said may still be answered by the old one.
    assert set(found[before + NUM_CLIENTS :]) == {0}
    health = httpx.get(f"{url}/health").json()
    assert health["model"]["folder"] == "second"
    assert "damaged" in health["refused_model"]["reason"]

    victim = service.workers()[0]
    os.kill(victim, signal.SIGKILL)
    service.wait_for(f"worker {victim} was killed by SIGKILL; another is started")
    wait_until(lambda: len(service.said("refused, the old one goes on")) == 5)
    # The new worker found the damaged model, and took the one that was served.
    with httpx.Client() as client:
        for _ in range(10):
            assert client.post(f"{url}/predict", json=BODY).json()["answers"][0][0]["class"] == 0
    text = httpx.get(f"{url}/metrics").text
    counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert float(counts["xclass_queries_total"]) == len(clients.answers) + 10, (
        "also what the dead one counted"
    )
    assert sum(name.startswith("xclass_pss_bytes") for name in counts) == 3
    workers = service.workers()
    assert service.end() == 0, "\n".join(service.lines[-4:])
    assert service.lines[-1] == "ended in order"
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_an_overloaded_service_answers_everyone(serve, tmp_path):
    weights = np.random.default_rng(0).standard_normal((300_000, DIM)).astype(np.float32)
    folder = save_head(tmp_path / "large", weights=weights)
    service = serve(f"model={folder}", "port=0", "threads=1", "max_batch=16", "max_queue=16")
    url = service.url

    def ask(_):
        with httpx.Client(timeout=20) as client:
            body = {"vectors": CENTRES[:16].tolist(), "k": 5, "probability": True}
            return client.post(f"{url}/predict", json=body)

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(72)))
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
            assert "overloaded" in answer.json()["error"]
    (worker,) = service.workers()
    assert service.lines[3:] == []
    service.process.kill()
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), what="a worker ends with its supervisor")


def test_the_end_comes_after_what_is_queued_was_answered(serve, tmp_path):
    """Told to wait for more, the service has these requests in its queue when its end is asked for."""
    service = serve(f"model={save_head(tmp_path / 'm')}", "port=0", "max_wait_ms=3000")
    url = service.url
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(httpx.post, f"{url}/predict", json=BODY, timeout=20) for _ in range(4)]
        wait_until(lambda: httpx.get(f"{url}/health").json()["queue"]["waiting"] == 4)
        assert service.end() == 0
        assert [one.result().status_code for one in asked] == [200] * 4
    assert service.lines[-1] == "ended in order"


def test_mistakes_are_one_line_and_leave_nothing_running(serve, tmp_path):
    folder = save_head(tmp_path / "m")
    busy = serve(f"model={folder}", "port=0")
    port = busy.url.rpartition(":")[2]
    cases = [
        (["model=/nowhere", "port=0"], 1, "no such folder"),
        ([f"model={folder}", f"port={port}"], 2, "port=0 takes any free port"),
        ([f"model={folder}", "port=x"], 2, "port=x"),
        ([f"model={folder}", "prot=1"], 2, "prot=1"),
        ([f"model={folder}", "workers=3", "threads=2"], 2, "threads=2"),
        ([], 2, "model="),
    ]
    for words, code, text in cases:
        service = serve(*words)
        assert service.process.wait(20) == code, words
        service.end()
        assert text in service.lines[-1]
        assert service.lines[-1].startswith("xclass: ")
        assert len(service.lines) <= 2, service.lines
    assert busy.end(signal.SIGINT) == 0


def test_help_names_every_word():
    assert [word for word in (*_NUMBERS, *_TEXTS) if f"{word}=" not in HELP] == []
