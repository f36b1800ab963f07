"""A trial that was made before and need not be made again."""

from __future__ import annotations

from xclass.measure.caps import CapChoice
from xclass.records.proof import Proof, read_proofs
from xclass.run.proof_source import ProofSource
from xclass.run.proving import Trial


def find_earlier(source: ProofSource, trial: Trial) -> Proof | None:
    """The proof of the same phase, size and settings against the same record, if it would come out equal.

    One that ended by a time limit shorter than this trial's is not: it might end well now.

    Raises:
        RecordError: a proof of the run is damaged.
    """
    for proof in read_proofs(source.run_dir):
        is_limit = proof.cap_kind == "RLIMIT_DATA"
        is_kind = trial.choice is CapChoice.auto or is_limit == (trial.choice is CapChoice.rlimit)
        has_room = proof.seconds is not None or (proof.timeout_seconds or 0.0) >= trial.timeout_seconds
        has_end = has_room or bool(proof.num_oom_kills)
        if (
            (proof.method, proof.phase) == (source.record.method, source.record.phase)
            and proof.size_bytes == trial.size_bytes
            and proof.settings == trial.settings
            and proof.recorded.started_at == source.record.started_at
            and is_kind
            and has_end
        ):
            return proof
    return None
