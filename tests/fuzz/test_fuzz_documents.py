"""Every JSON file that xclass reads, damaged: a document, or one error that names it."""

import json

import pytest
from nonsense import any_damage, fuzz, only_own_errors
from real_runs import ROOT

from xclass.classifiers.model_folder import read_manifest
from xclass.classifiers.seal import check_seal
from xclass.cli.command_file import read_command
from xclass.data.manifest import read_manifest_document
from xclass.encoders.factory import load_encoder
from xclass.encoders.text_model import check_encoder
from xclass.records.proof import PROOFS_FOLDER, read_proofs
from xclass.records.store import RECORDS_FOLDER, read_records
from xclass.report.sides import read_side

SWEEP = ROOT / "benchmarks" / "records" / "sizes"
RECORD = json.loads(next((SWEEP / "0" / "records").glob("*serve-rss.json")).read_text())
SUMMARY = json.loads((SWEEP / "summary.json").read_text())
PROOF = json.loads(next(ROOT.glob("benchmarks/records/**/proofs/*.json")).read_text())
COMMAND = {"schema_version": 1, "words": ["+classes=100"], "directory": "/tmp", "is_sweep": False}


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@fuzz(any_damage(RECORD))
def test_a_damaged_record(tmp_path, content):
    put(tmp_path / RECORDS_FOLDER / "a-serve-rss.json", content)
    with only_own_errors():
        read_records(tmp_path)


@fuzz(any_damage(PROOF))
def test_a_damaged_proof(tmp_path, content):
    put(tmp_path / PROOFS_FOLDER / "a.json", content)
    with only_own_errors():
        read_proofs(tmp_path)


@fuzz(any_damage(SUMMARY))
def test_a_damaged_summary(tmp_path, content):
    put(tmp_path / "summary.json", content)
    with only_own_errors():
        read_side(tmp_path / "summary.json")


@fuzz(any_damage(COMMAND))
def test_a_damaged_command_file(tmp_path, content):
    put(tmp_path / "command.json", content)
    with only_own_errors():
        read_command(tmp_path)


MANIFEST = {
    "format_version": 1, "kind": "linear", "num_classes": 3, "dim": 2, "facts": {"dtype": "float32"},
    "files": {"weights.npy": 4},
}  # fmt: skip


@fuzz(any_damage(MANIFEST))
def test_a_damaged_model_manifest(tmp_path, content):
    put(tmp_path / "weights.npy", b"1234")
    put(tmp_path / "model.json", content)
    with only_own_errors():
        read_manifest(tmp_path, kind=("linear", "faiss"), facts=("dtype",))


@pytest.mark.parametrize("document", [
    {"format_version": 1, "kind": "identity", "dim": 3},
    {"format_version": 1, "kind": "bag", "dim": 32, "config": {"num_buckets": 32}},
    {"format_version": 1, "kind": "ngrams", "dim": 3, "seed": 0, "config": {"num_buckets": 4}},
    {"format_version": 1, "kind": "projection", "dim": 3, "seed": 0, "num_features": 7},
    {"format_version": 1, "kind": "static"},
], ids=lambda document: document["kind"])  # fmt: skip
def test_a_damaged_encoder(tmp_path, document):
    @fuzz(any_damage(document))
    def check(content):
        put(tmp_path / "encoder.json", content)
        with only_own_errors():
            load_encoder(tmp_path)

    check()


@fuzz(any_damage({"format_version": 1, "files": {"a": {"bytes": 1, "sha256": "0" * 64}}}))
def test_a_damaged_seal(tmp_path, content):
    put(tmp_path / "a", b"x")
    put(tmp_path / "checksums.json", content)
    with only_own_errors():
        check_seal(tmp_path)


@fuzz(any_damage({"format_version": 1, "num_classes": 3, "files": {"texts.bin": {"size_bytes": 4}}}))
def test_a_damaged_data_manifest(tmp_path, content):
    put(tmp_path / "texts.bin", b"1234")
    put(tmp_path / "manifest.json", content)
    with only_own_errors():
        read_manifest_document(tmp_path, version=1)


@fuzz(
    any_damage([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.StaticEmbedding"}])
)
def test_a_damaged_text_encoder(tmp_path, content):
    put(tmp_path / "modules.json", content)
    put(tmp_path / "config.json", content)
    with only_own_errors():
        check_encoder(str(tmp_path))
