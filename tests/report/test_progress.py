from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from xclass.report.progress import LiveProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(console, error=None):
    with LiveProgress(console, 2) as live:
        live.begin("dense_softmax", "train")
        live.update(0, None, "importing [bold]torch")
        live.update(500, 1000, "epoch 1\x1b[2J")
        live.end("measured", "peak 1.3 GiB")
        live.begin("dense_softmax", "train", "heap trace")
        if error:
            raise error
        live.end("out_of_memory", "killed")


@pytest.mark.parametrize("force", [None, True])
def test_a_log_file_gets_one_plain_line_per_phase(force):
    # force_terminal is what FORCE_COLOR does in CI: it must not bring cursor movements into a log.
    file = io.StringIO()
    run(Console(file=file, width=40, force_terminal=force, color_system=None))
    lines = file.getvalue().splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"1/2  dense_softmax train: measured, \S+ \w+, peak 1.3 GiB", lines[0])
    assert re.fullmatch(r"2/2  dense_softmax train \(heap trace\): out of memory, \S+ \w+, killed", lines[1])
    assert "\x1b" not in file.getvalue()


def wait_and_begin(console):
    with LiveProgress(console, 2) as live:
        for _ in range(2):
            live.wait("waiting for memory held by sampled_softmax\x1b[2J")
            live.wait("waiting for memory held by sampled_softmax")
            live.begin("dense_softmax", "train")
            live.end("measured")


def test_a_log_file_gets_one_line_per_wait():
    file = io.StringIO()
    wait_and_begin(Console(file=file, width=40, color_system=None))
    lines = file.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["waiting", "1/2", "waiting", "2/2"]
    assert lines[0].startswith("waiting for memory held by sampled_softmax")


def test_a_terminal_shows_a_wait_only_while_it_lasts():
    file = Terminal()
    wait_and_begin(Console(file=file, width=100, force_terminal=True, legacy_windows=False))
    assert "waiting for memory" in file.getvalue()
    assert "\x1b[2J" not in file.getvalue()
    last = file.getvalue().rindex("waiting for memory")
    assert "2/2  dense_softmax train" in file.getvalue()[last:]


@pytest.mark.parametrize("width", [20, 80, 140])
def test_a_terminal_gets_bars_and_keeps_the_lines(width):
    file = Terminal()
    run(Console(file=file, width=width, force_terminal=True, legacy_windows=False))
    assert "all phases" in file.getvalue() or width < 30
    plain = " ".join(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue()).split())
    assert "dense_softmax train" in plain
    assert "\x1b[2J" not in file.getvalue()


def test_an_interrupt_passes_and_shows_the_cursor_again():
    file = Terminal()
    with pytest.raises(KeyboardInterrupt):
        run(Console(file=file, width=80, force_terminal=True), error=KeyboardInterrupt())
    assert file.getvalue().rfind("\x1b[?25h") > file.getvalue().rfind("\x1b[?25l")
