"""What one sees while a run goes on: bars on a terminal, one plain line per phase in a log file."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from xclass.report.text import clean
from xclass.units import format_seconds


class LiveProgress:
    """Progress of the children of a run; a context manager that leaves the terminal as it was.

    ::

        with LiveProgress(console, total_children) as live:
            live.begin("dense_softmax", "train")
            live.update(3, 10, "batches")
            live.end("measured")
    """

    def __init__(self, console: Console, total_children: int) -> None:
        """Draw nothing yet.

        Args:
            console: where to draw. If it is not a terminal (a pipe, a log file, TERM=dumb; FORCE_COLOR
                makes no terminal of a pipe), each finished phase prints one plain line instead.
            total_children: how many times :meth:`begin` will be called.
        """
        self._console = console
        self._total = total_children
        self._num_ended = 0
        self._name = ""
        self._begun_at = 0.0
        self._bars = _bars(console) if console.is_interactive and console.file.isatty() else None
        self._overall: TaskID | None = None
        self._child: TaskID | None = None
        self._waiting: TaskID | None = None
        self._is_waiting = False

    def __enter__(self) -> Self:
        """Start drawing."""
        if self._bars:
            self._overall = self._bars.add_task(
                "all phases", total=self._total, count=f"0/{self._total}", what=""
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing, whatever happened."""
        if self._bars:
            self._bars.stop()

    def begin(self, method: str, phase: str, note: str = "") -> None:
        """A child starts."""
        self._end_wait()
        self._name = clean(f"{method} {phase}" + (f" ({note})" if note else ""))
        self._begun_at = monotonic()
        if self._bars:
            self._child = self._bars.add_task(self._name, total=None, count="", what="")

    def wait(self, what: str) -> None:
        """The next child waits for its turn: a bar that counts the time, or one line.

        Args:
            what: it waits for; may be told again and again.
        """
        if not self._bars:
            if not self._is_waiting:
                self._console.print(Text(clean(what)), soft_wrap=True)
        elif self._waiting is None:
            self._waiting = self._bars.add_task(clean(what), total=None, count="", what="")
        else:
            self._bars.update(self._waiting, description=clean(what))
        self._is_waiting = True

    def _end_wait(self) -> None:
        if self._bars and self._waiting is not None:
            self._bars.remove_task(self._waiting)
        self._waiting, self._is_waiting = None, False

    def update(self, done: float, total: float | None, what: str = "") -> None:
        """The child got further.

        Args:
            done: units done.
            total: units in all, or None while unknown.
            what: what is going on, e.g. ``epoch 2, loss 3.1``.
        """
        if self._bars and self._child is not None:
            count = "" if total is None else f"{done:,.0f}/{total:,.0f}"
            self._bars.update(self._child, completed=done, total=total, count=count, what=clean(what))

    def end(self, verdict: str, what: str = "") -> None:
        """The child ended: its bar becomes one line that stays.

        Args:
            verdict: of its record.
            what: the number or cause worth a place in that line, e.g. ``peak 1.3 GiB``.
        """
        self._num_ended += 1
        seconds = format_seconds(monotonic() - self._begun_at)
        counter = f"{self._num_ended:>{len(str(self._total))}}/{self._total}"
        line = f"{counter}  {self._name}: {verdict.replace('_', ' ')}, {seconds}"
        line += f", {clean(what)}" if what else ""
        if self._bars:
            if self._child is not None:
                self._bars.remove_task(self._child)
                self._child = None
            if self._overall is not None:
                count = f"{self._num_ended}/{self._total}"
                self._bars.update(self._overall, completed=self._num_ended, count=count)
        # A log file has no width to break lines at.
        text = Text(line, style="" if verdict == "measured" else "red")
        self._console.print(text, soft_wrap=self._bars is None)


def _bars(console: Console) -> Progress:
    return Progress(
        SpinnerColumn("line"),
        TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
        TextColumn("{task.fields[count]}", markup=False, table_column=Column(no_wrap=True)),
        TextColumn(
            "{task.fields[what]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        TimeElapsedColumn(),
        console=console,
        expand=True,
        transient=True,
    )
