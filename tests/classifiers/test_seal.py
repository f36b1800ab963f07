"""The seal of a model folder: what it finds, by name, and what it never does."""

import hashlib
import json
import os
import time

import pytest

from xclass.classifiers.seal import SEAL, SealLevel, check_seal, seal
from xclass.errors import ModelError


@pytest.fixture
def folder(tmp_path):
    model = tmp_path / "model"
    (model / "encoder").mkdir(parents=True)
    (model / "model.json").write_text("{}")
    (model / "weights.npy").write_bytes(bytes(range(256)) * 9000)  # more than one chunk
    (model / "encoder" / "tokenizer.json").write_text("[]")
    (model / "empty").touch()
    seal(model)
    return model


def refused(folder, level=SealLevel.contents):
    with pytest.raises(ModelError) as caught:
        check_seal(folder, level=level)
    message = str(caught.value)
    assert message.isprintable(), "one line"
    return message


def test_a_whole_folder_passes_and_its_fingerprint_is_that_of_the_seal(folder):
    fingerprint = check_seal(folder)
    assert fingerprint == check_seal(folder, level=SealLevel.sizes) == seal(folder)
    assert fingerprint == hashlib.sha256((folder / SEAL).read_bytes()).hexdigest()


def test_the_seal_holds_what_sha256sum_says(folder):
    files = json.loads((folder / SEAL).read_text())["files"]
    assert sorted(files) == ["empty", "encoder/tokenizer.json", "model.json", "weights.npy"]
    for name, facts in files.items():
        content = (folder / name).read_bytes()
        assert facts == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("level", list(SealLevel))
@pytest.mark.parametrize("name", ["model.json", "weights.npy", "encoder/tokenizer.json", "empty"])
def test_a_missing_or_cut_or_lengthened_file_is_refused_by_name(folder, name, level):
    file = folder / name
    content = file.read_bytes()
    file.write_bytes(content + b"\n")
    assert f"{name}: {len(content) + 1} bytes, sealed with {len(content)}" in refused(folder, level)
    if content:
        file.write_bytes(content[:-1])
        assert f"{name}: {len(content) - 1} bytes, sealed with {len(content)}" in refused(folder, level)
    file.unlink()
    assert f"{name}: missing; it is sealed; the model is damaged" in refused(folder, level)


@pytest.mark.parametrize("place", [0, 1 << 20, -1])
def test_one_changed_bit_is_refused_by_name_where_contents_are_read(folder, place):
    content = bytearray((folder / "weights.npy").read_bytes())
    content[place] ^= 1
    (folder / "weights.npy").write_bytes(content)
    assert "weights.npy: not the bytes that were sealed" in refused(folder)
    check_seal(folder, level=SealLevel.sizes)


@pytest.mark.parametrize("level", list(SealLevel))
@pytest.mark.parametrize("name", ["more.npy", "encoder/more.json", f"encoder/{SEAL}", f".{SEAL}.partial"])
def test_an_additional_file_is_refused_by_name(folder, name, level):
    (folder / name).touch()
    assert f"{name}: not of the sealed model; delete it" in refused(folder, level)


def test_a_folder_without_a_seal_is_refused_so_that_deleting_it_gains_nothing(folder):
    (folder / SEAL).unlink()
    assert "checksums.json: missing, the model is not sealed" in refused(folder)
    assert refused(folder).endswith(f"seal it as it is: python -m xclass.seal {folder} new=true")


@pytest.mark.parametrize("level", list(SealLevel))
def test_links_pipes_and_sockets_are_refused_and_never_opened(folder, level, tmp_path):
    (tmp_path / "secret").write_bytes((folder / "weights.npy").read_bytes())
    (folder / "weights.npy").unlink()
    (folder / "weights.npy").symlink_to(tmp_path / "secret")
    assert "weights.npy: a link, pipe or device, not a plain file" in refused(folder, level)
    (folder / "weights.npy").unlink()
    os.mkfifo(folder / "weights.npy")
    begun = time.monotonic()
    assert "weights.npy: a link, pipe or device" in refused(folder, level)
    with pytest.raises(ModelError, match="not a plain file"):
        seal(folder)
    (folder / SEAL).unlink()
    os.mkfifo(folder / SEAL)
    assert "checksums.json: no plain file" in refused(folder, level)
    assert time.monotonic() - begun < 5


def test_a_linked_folder_inside_is_refused_but_the_model_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "current").symlink_to(folder)
    check_seal(tmp_path / "current")
    (folder / "encoder").rename(tmp_path / "elsewhere")
    (folder / "encoder").symlink_to(tmp_path / "elsewhere")
    assert "encoder: a link" in refused(folder)


@pytest.mark.parametrize("name", ["../weights.npy", "/etc/passwd", "encoder/../../x", "a//b", "", ".", "\0"])
def test_names_that_leave_the_folder_are_refused(folder, name):
    document = json.loads((folder / SEAL).read_text())
    document["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    (folder / SEAL).write_text(json.dumps(document))
    assert "leaves the folder" in refused(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"format_version": 2, "files": {}}',
        b'{"format_version": 1}', b'{"format_version": 1, "files": []}',
        b'{"format_version": 1, "files": {"a": 1}}', b'{"format_version": 1, "files": {"a": {"bytes": 1}}}',
        b'{"format_version": 1, "files": {"a": {"bytes": true, "sha256": "' + b"0" * 64 + b'"}}}',
        b'{"format_version": 1, "files": {"a": {"bytes": 1, "sha256": "' + b"Z" * 64 + b'"}}}',
        b" " * (17 << 20),
    ],
    ids=lambda content: content[:60].decode("latin-1").strip() or "blank",
)  # fmt: skip
def test_a_seal_that_is_none_is_refused(folder, content):
    (folder / SEAL).write_bytes(content)
    assert "checksums.json: not a readable seal" in refused(folder)


def test_a_hostile_file_name_cannot_write_on_the_terminal(folder):
    (folder / "a\x1b[31m\nxclass: all is well \u202e.npy").touch()
    message = refused(folder)
    assert "\\x1b[31m\\nxclass: all is well \\u202e.npy: not of the sealed model" in message
    assert check_seal(folder) if seal(folder) else None


def test_progress_counts_every_byte_once(folder):
    calls = []
    check_seal(folder, progress=lambda done, total: calls.append((done, total)))
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    assert calls[-1] == (total, total)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert refused(tmp_path / "nowhere").endswith("nowhere: no such folder; give one of a run's models/")
    (tmp_path / "file").touch()
    assert "no such folder" in refused(tmp_path / "file")
