"""Proofs as sentences and as the page ``proofs.md``, made from their records alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from xclass.records.neighbours import company
from xclass.records.proof import PROOFS_FOLDER, Proof, ProofVerdict
from xclass.report.text import clean, code, escape, link, rate_text, table
from xclass.units import format_bytes, format_count, format_decimal_bytes, format_seconds

_SLOW = 2.0
"""Times slower than recorded, from which the sentence says why."""
_WORDS = {
    ProofVerdict.PROVEN: "proven",
    ProofVerdict.REFUTED: "refuted",
    ProofVerdict.NOT_PROVEN: "not proven",
}


def bytes_format(size_text: str) -> Callable[[int | None], str]:
    """GB or GiB, as the size was asked for."""
    return format_bytes if "ib" in size_text.lower() else format_decimal_bytes


def proof_sentence(proof: Proof) -> str:
    """What was proven or refuted, how, and at what speed: one line."""
    show = bytes_format(proof.size_text)
    subject = f"{proof.phase} of {proof.method} at {format_count(proof.classes)} classes"
    cap = f"a cap of {show(proof.size_bytes)} ({_kind(proof)})"
    if proof.verdict is not ProofVerdict.PROVEN:
        charged = f"; {_charged(proof)}" if proof.verdict is ProofVerdict.REFUTED else ""
        return clean(f"{_WORDS[proof.verdict]}: {subject} under {cap}: {proof.cause}{charged}")
    parts = [f"proven: {subject} ran to its end under {cap}: {_charged(proof)}"]
    if proof.equal_share is not None:
        parts.append(f"answers to {format_count(proof.num_answers)} queries equal those recorded")
    parts += _speed(proof)
    return clean("; ".join(parts))


def proofs_section(proofs: Sequence[Proof]) -> str:
    """For the report of the run: a sentence for each size that was tried with the recorded settings."""
    whole = [proof for proof in proofs if proof.file_share is None and not proof.settings]
    lines = [f"- {escape(proof_sentence(proof))}" for proof in whole]
    more = f"More in {link('proofs.md', f'{PROOFS_FOLDER}/proofs.md')}."
    return "\n".join([*lines, "", more]) if proofs else ""


def proofs_markdown(proofs: Sequence[Proof]) -> str:
    """The page: one section per method and phase, every proof a row and a sentence."""
    parts = [
        "# Proofs\n\nA phase of this run, repeated in a fresh process under a real cap of the kernel. "
        "Libraries that are charged to other programs are taken off the cap. "
        "`python -m xclass.prove --help` says more."
    ]
    for (method, phase), group in groupby(proofs, key=lambda proof: (proof.method, proof.phase)):
        chosen = list(group)
        whole = [proof for proof in chosen if proof.file_share is None and not proof.settings]
        parts.append(f"## {escape(method)}: {phase}")
        if whole:
            parts += [least_sentence(whole), _proofs_table(whole)]
            parts.append("\n".join(f"- {escape(proof_sentence(proof))}" for proof in whole))
        if curve := [proof for proof in chosen if proof.file_share is not None]:
            parts += [curve_text(curve), curve_table(curve), f"![curve]({method}-{phase}-curve.svg)"]
    return "\n\n".join(part for part in parts if part) + "\n"


def least_sentence(proofs: Sequence[Proof]) -> str:
    """The least size that was proven and the greatest that was refuted; empty if nothing was proven."""
    proven = [proof for proof in proofs if proof.verdict is ProofVerdict.PROVEN]
    if not proven:
        return ""
    least = min(proven, key=lambda proof: proof.size_bytes)
    show = bytes_format(least.size_text)
    refuted = [
        proof.size_bytes
        for proof in proofs
        if proof.verdict is ProofVerdict.REFUTED and proof.size_bytes < least.size_bytes
    ]
    text = f"{least.phase} of {least.method} at {format_count(least.classes)} classes"
    text = f"least size proven: {text} in {show(least.size_bytes)} ({least.cap_kind})"
    if refuted:
        text += f", refuted in {show(max(refuted))}"
    return f"{text}; recorded peak of resident memory {show(least.recorded.peak_rss_bytes)}."


def curve_text(proofs: Sequence[Proof]) -> str:
    """What the rows of :func:`curve_table` are."""
    settings = ", ".join(f"{name}={value}" for name, value in proofs[0].settings.items())
    return (
        "Memory-mapped serving with room for a share of the mapped files: the cap is what the process needs "
        "besides (anonymous and kernel memory, libraries), measured with room to spare, plus that share. "
        f"Files were evicted first. Shortened: {settings or 'no'}."
    )


def curve_table(proofs: Sequence[Proof]) -> str:
    """Latency, throughput and reads against room; most room first."""
    headers = (
        "room for mapped files", "cap", "verdict", "p50 one query", "p95", "queries/s", "read from disk",
        "major faults", "answers equal",
    )  # fmt: skip
    rows = []
    for proof in sorted(proofs, key=lambda proof: -proof.size_bytes):
        show = bytes_format(proof.size_text)
        single = proof.latencies[0] if proof.latencies else None
        rate = proof.latencies[-1].queries_per_second if proof.latencies else None
        rows.append(
            (
                room_text(proof.file_share),
                show(proof.size_bytes),
                _WORDS[proof.verdict] if single else escape(f"{_WORDS[proof.verdict]}: {proof.cause}"),
                format_seconds(single.p50_seconds if single else None),
                format_seconds(single.p95_seconds if single else None),
                rate_text(rate),
                show(proof.read_bytes),
                format_count(proof.num_major_faults),
                "-" if proof.equal_share is None else f"{proof.equal_share:.1%}",
            )
        )
    return table(headers, rows, num_text_columns=1)


def room_text(share: float | None) -> str:
    """A share of the mapped files; more than all of it is room to spare."""
    return "-" if share is None else "to spare" if share > 1.0 else f"{share:.0%}"


def _kind(proof: Proof) -> str:
    if proof.cap_kind != "RLIMIT_DATA":
        return proof.cap_kind
    reason = f"; no control group: {proof.cap_reason}" if proof.cap_reason else ""
    return f"RLIMIT_DATA, the weaker proof: pages of files are not counted{reason}"


def _charged(proof: Proof) -> str:
    show = bytes_format(proof.size_text)
    if proof.cap_kind == "RLIMIT_DATA":
        return f"peak {show(proof.peak_bytes)} resident, of it {show(proof.peak_anon_bytes)} anonymous"
    text = f"peak {show(proof.peak_bytes)} charged, of it {show(proof.peak_anon_bytes)} anonymous"
    return f"{text}, and {show(proof.taken_off_bytes)} of libraries charged to others taken off the cap"


def _speed(proof: Proof) -> list[str]:
    """Speed against the recorded one, and why where it is much slower."""
    recorded, slowdown, parts = proof.recorded, proof.slowdown, []
    if proof.latencies and recorded.latencies:
        ours, theirs = proof.latencies, recorded.latencies
        parts.append(
            f"p50 of one query {format_seconds(ours[0].p50_seconds)} "
            f"(recorded {format_seconds(theirs[0].p50_seconds)}, {slowdown:.2f}x)"
        )
        parts.append(
            f"{rate_text(ours[-1].queries_per_second)} queries/s "
            f"(recorded {rate_text(theirs[-1].queries_per_second)}, {1 / (proof.batch_slowdown or 1):.2f}x)"
        )
    elif slowdown:
        parts.append(f"{slowdown:.2f}x the recorded time per example")
    worst = max(slowdown or 0.0, proof.batch_slowdown or 0.0)
    if worst >= _SLOW:
        show = bytes_format(proof.size_text)
        parts.append(
            f"{worst:.3g}x slower than recorded while it read {show(proof.read_bytes)} from the disk in "
            f"{format_count(proof.num_major_faults)} page faults that waited{_load(proof)}"
        )
    if beside := company(proof.conditions):
        parts.append(f"its times were disturbed: beside {beside}")
    processor = proof.machine.get("processor")
    if recorded.processor and processor and recorded.processor != processor:
        parts.append(f"recorded on another processor: {recorded.processor}")
    return parts


def _load(proof: Proof) -> str:
    """A machine that was busy with others is slow for another reason."""
    loads, num_cpus = proof.machine.get("load_average"), proof.machine.get("num_cpus_allowed")
    if not loads or not num_cpus or loads[0] < num_cpus / 2:
        return ""
    return f" (busy with others too: load average {loads[0]:.1f} on {num_cpus} CPUs)"


def _proofs_table(proofs: Sequence[Proof]) -> str:
    headers = (
        "size", "cap", "verdict", "peak charged", "anonymous", "libraries elsewhere", "still cached before",
        "p50 one query", "times recorded", "read from disk", "limit hit",
    )  # fmt: skip
    rows = []
    for proof in proofs:
        show = bytes_format(proof.size_text)
        single = proof.latencies[0].p50_seconds if proof.latencies else None
        slowdown = proof.slowdown
        rows.append(
            (
                f"{show(proof.size_bytes)}",
                code(proof.cap_kind),
                _WORDS[proof.verdict],
                show(proof.peak_bytes),
                show(proof.peak_anon_bytes),
                show(proof.taken_off_bytes),
                show(proof.cached_bytes),
                format_seconds(single),
                "-" if slowdown is None else f"{slowdown:.2f}",
                show(proof.read_bytes),
                format_count(proof.num_limit_hits),
            )
        )
    return table(headers, rows, num_text_columns=3)
