"""``python -m xclass.prove``: a promise such as "serves in 2 GB", tried under a real cap of the kernel.

Exit codes: 0 proven; 1 refuted, not proven or failed; 2 the command was wrong; 130 interrupted.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from xclass.classifiers.libraries import check_libraries
from xclass.classifiers.seal import SEAL, SealLevel, check_seal
from xclass.cli.checking import Checking
from xclass.cli.parser import EXIT_FAILED, run_words, say
from xclass.cli.prove_words import HELP, ProveWords, parse_words
from xclass.errors import ModelError
from xclass.measure.door import check_can_measure
from xclass.records.proof import (
    PROOFS_FOLDER,
    Proof,
    ProofVerdict,
    read_proofs,
    write_proof,
)
from xclass.records.store import write_text
from xclass.report.proof_curve import draw_curves
from xclass.report.proofs import (
    bytes_format,
    curve_table,
    curve_text,
    least_sentence,
    proof_sentence,
    proofs_markdown,
    room_text,
)
from xclass.report.write import write_reports
from xclass.run.proof_search import find_least, is_working, short_settings, trace_curve
from xclass.run.proof_source import ProofSource, find_source
from xclass.run.proving import Trial, prove
from xclass.run.reuse import find_earlier
from xclass.units import format_count, format_seconds

_START_SECONDS = 60.0
"""For the child's imports, on top of its recorded work."""


def main() -> NoReturn:
    """The entry point of ``python -m xclass.prove``."""
    run_words(
        lambda words: _carry_out(parse_words(words)),
        HELP,
        disk_remedy="free space there, or copy the run to another disk",
        interrupted="interrupted; proofs that had ended are kept",
    )


def _carry_out(words: ProveWords) -> int:
    check_can_measure()
    source = find_source(words.run_dir.absolute(), words.method, words.phase)
    check_libraries([source.record.method])
    _check_models(source, words.check)
    command = _Prover(source, words)
    if words.is_minimum:
        return command.minimum()
    if words.is_curve:
        return command.curve()
    return command.single()


def _check_models(source: ProofSource, level: SealLevel) -> None:
    """Before any trial: a promise is proven of the very model that was measured."""
    for folder in source.model_folders():
        with Checking() as progress:
            fingerprint = check_seal(folder, level=level, progress=progress)
        measured = source.load.details.get("model_fingerprint") if source.load else None
        if str(folder) == source.spec.model_dir and measured not in (None, fingerprint):
            raise ModelError(
                f"{folder / SEAL}: fingerprint {fingerprint}, the recorded model had {measured}; it was "
                "changed and sealed anew: prove a run of the new model"
            )


class _Prover:
    """One command: its trials, kept and told as they end."""

    def __init__(self, source: ProofSource, words: ProveWords) -> None:
        self._source = source
        self._words = words
        self._num_trials = 0

    def single(self) -> int:
        """One size."""
        words = self._words
        assert words.size_bytes is not None, "the command line was checked"
        proof = self._try(self._trial(words.size_bytes, words.size_text, minutes=words.timeout_minutes))
        say(proof_sentence(proof))
        self._write_page()
        return 0 if proof.verdict is ProofVerdict.PROVEN else EXIT_FAILED

    def minimum(self) -> int:
        """The least size that works."""
        words, source = self._words, self._source
        recorded = (source.record.seconds or 0.0) + ((source.load and source.load.seconds) or 0.0)
        minutes = min(words.timeout_minutes, (recorded * words.max_slowdown + _START_SECONDS) / 60)

        def attempt(size_bytes: int) -> Proof:
            proof = self._try(self._trial(size_bytes, "", minutes=minutes), reuse=True)
            works = is_working(proof, words.max_slowdown)
            self._tell(proof, "works" if works else "does not work")
            return proof

        least = find_least(source, attempt, max_slowdown=words.max_slowdown)
        self._write_page()
        if least is None:
            say("no size was found that works; the trials are in proofs.md")
            return EXIT_FAILED
        show = bytes_format("")
        text = least_sentence([least.works]).removesuffix(".")
        if least.fails:
            text += f"; {show(least.fails.size_bytes)} does not work: {_why_not(least.fails, words)}"
        say(f"{text}.")
        say(proof_sentence(least.works))
        return 0

    def curve(self) -> int:
        """Speed against room for the mapped files."""
        words = self._words
        settings = short_settings(self._source, words.queries)

        def attempt(size_bytes: int, share: float) -> Proof:
            trial = self._trial(size_bytes, "", minutes=words.timeout_minutes)
            proof = self._try(replace(trial, settings=settings, file_share=share), reuse=True)
            self._tell(proof, f"room for the mapped files: {room_text(share)}")
            return proof

        proofs = list(trace_curve(self._source, attempt))
        record = self._source.record
        figure = draw_curves(
            f"Serving {record.method} with less RAM than its model",
            f"{format_count(record.classes)} classes x {record.dim}, labels: room for the mapped files",
            {record.method: proofs},
        )
        write_text(self._folder() / f"{record.method}-{record.phase}-curve.svg", figure)
        self._write_page()
        say(f"{curve_text(proofs)}\n\n{curve_table(proofs)}\n\n{self._folder() / 'proofs.md'}")
        return 0 if all(proof.verdict is ProofVerdict.PROVEN for proof in proofs) else EXIT_FAILED

    def _trial(self, size_bytes: int, size_text: str, *, minutes: float) -> Trial:
        return Trial(
            size_bytes=size_bytes,
            size_text=size_text or str(size_bytes),
            timeout_seconds=60 * minutes,
            choice=self._words.cap,
        )

    def _try(self, trial: Trial, *, reuse: bool = False) -> Proof:
        self._num_trials += 1
        if reuse and (earlier := find_earlier(self._source, trial)):
            return earlier
        record = self._source.record
        show = bytes_format(trial.size_text)
        with _Line(f"{record.phase} of {record.method} under a cap of {show(trial.size_bytes)}") as line:
            proof = prove(self._source, trial, line.follow, line.wait)
        write_proof(self._source.run_dir, proof)
        return proof

    def _tell(self, proof: Proof, result: str) -> None:
        """One line per trial."""
        show = bytes_format(proof.size_text)
        parts = [f"trial {self._num_trials}: {show(proof.size_bytes)}", result]
        if proof.seconds is not None:
            parts.append(format_seconds(proof.seconds))
        if proof.latencies:
            parts.append(f"p50 of one query {format_seconds(proof.latencies[0].p50_seconds)}")
        if proof.cause:
            parts.append(proof.cause)
        say("; ".join(parts))

    def _folder(self) -> Path:
        return self._source.run_dir / PROOFS_FOLDER

    def _write_page(self) -> None:
        run_dir = self._source.run_dir
        write_text(self._folder() / "proofs.md", proofs_markdown(read_proofs(run_dir)))
        write_reports(run_dir)


class _Line:
    """Shows on a terminal how far a trial is, on one line that is gone afterwards; elsewhere nothing."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_shown = sys.stderr.isatty()
        self._has_waited = False

    def __enter__(self) -> _Line:
        self._show(self._text)
        return self

    def __exit__(self, *_: object) -> None:
        self._show("")

    def follow(self, event: dict[str, Any]) -> None:
        """Take one event of the child."""
        if event["event"] == "phase_begin":
            self._show(f"{self._text}: {event['phase']}")
        elif event["event"] == "progress":
            self._show(f"{self._text}: {event['what']} {event['done']:,.0f}")

    def wait(self, what: str) -> None:
        """It waits for its turn; where no terminal shows it, it is said once."""
        self._show(f"{self._text}: {what}")
        if not self._is_shown and not self._has_waited:
            sys.stderr.write(f"{self._text}: {what}\n")
            sys.stderr.flush()
        self._has_waited = True

    def _show(self, text: str) -> None:
        if self._is_shown:
            sys.stderr.write(f"\r\x1b[K{text[:120]}")
            sys.stderr.flush()


def _why_not(proof: Proof, words: ProveWords) -> str:
    return proof.cause or f"it took more than {words.max_slowdown:g} times the recorded time"
