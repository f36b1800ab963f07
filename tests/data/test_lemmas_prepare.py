"""Preparing lemmas: the rule of the split, the order of classes, and what survives an interruption."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from xclass.data.lemmas.config import LemmasConfig
from xclass.data.lemmas.dictionaries import SimplemmaDictionaries
from xclass.data.lemmas.prepare import prepare
from xclass.data.lemmas.source import LemmasSource
from xclass.errors import ConfigError, DataError

REPOSITORY = Path(__file__).parents[2]


class FakeDictionaries:
    name = "fake 1"

    def __init__(self, words):
        self.words = words

    @property
    def languages(self):
        return sorted(self.words)

    def size_bytes(self, language):
        return 1

    def pairs(self, language):
        return iter([(form.encode(), lemma.encode()) for form, lemma in self.words[language]])


def read_back(source):
    """Class name -> (training forms in file order, held-out form or None)."""
    train = source.scan_batch(0, source.num_train)
    test = source.queries(source.num_test, seed=0)
    forms = defaultdict(list)
    held_out = {}
    for batch, keep in ((train, lambda c, f: forms[c].append(f)), (test, held_out.__setitem__)):
        offsets = batch.inputs.offsets
        for i, class_id in enumerate(batch.classes_B.tolist()):
            keep(class_id, batch.inputs.bytes_[offsets[i] : offsets[i + 1]].tobytes())
    return {source.class_name(c): (forms[c], held_out.get(c)) for c in range(source.num_classes)}


def expected_split(words):
    """The rule, written once more and plainly: (language, lemma) -> (training forms, held-out form)."""
    by_class = defaultdict(list)
    for language, pairs in words.items():
        for form, lemma in pairs:
            by_class[language, lemma.encode()].append(form.encode())
    split = {}
    for key, forms in by_class.items():
        forms.sort(key=lambda form: (zlib.crc32(form), form))
        split[key] = (forms, None) if len(forms) == 1 else (forms[1:], forms[0])
    ranked = sorted(split, key=lambda key: (-len(split[key][0]), key))
    return {f"{language}:{lemma.decode()}": split[language, lemma] for language, lemma in ranked}


def test_small_real_languages_follow_the_rule(tmp_path):
    strategies = pytest.importorskip("simplemma.strategies")
    languages = ("enm", "id", "ms")
    factory = strategies.DefaultDictionaryFactory()
    words = {language: list(factory.get_dictionary(language).items()) for language in languages}
    folder = prepare(tmp_path, dictionaries=SimplemmaDictionaries(languages))
    source = LemmasSource(folder, num_classes=None, seed=0)
    expected = expected_split(words)
    got = read_back(source)
    assert list(got) == list(expected)
    assert got == expected
    assert source.num_train + source.num_test == sum(map(len, words.values()))


def test_equal_checksums_are_ordered_by_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("xclass.data.lemmas.grouping.zlib.crc32", lambda form: 7)
    words = {"xx": [("c", "L"), ("ü", "L"), ("a", "L"), ("b", "L"), ("q", "M"), ("p", "M"), ("z", "N")]}
    got = read_back(
        LemmasSource(prepare(tmp_path, dictionaries=FakeDictionaries(words)), num_classes=None, seed=0)
    )
    assert got == {
        "xx:L": ([b"b", b"c", "ü".encode()], b"a"),
        "xx:M": ([b"q"], b"p"),
        "xx:N": ([b"z"], None),
    }


def test_equal_frequencies_are_ordered_by_language_then_lemma(tmp_path):
    words = {
        "b": [("x", "A"), ("y", "B")],
        "a": [("x", "Z"), ("y", "é"), ("1", "BB"), ("2", "BB"), ("3", "BB")],
    }
    got = read_back(
        LemmasSource(prepare(tmp_path, dictionaries=FakeDictionaries(words)), num_classes=None, seed=0)
    )
    assert list(got) == ["a:BB", "a:Z", "a:é", "b:A", "b:B"]


def test_reversed_streams_are_turned_round(monkeypatch):
    pytest.importorskip("simplemma")
    dictionaries = SimplemmaDictionaries(["enm"])
    monkeypatch.setattr(dictionaries, "_read_decompressed", lambda language: b"")
    monkeypatch.setattr(dictionaries, "_read_header", lambda stream: (True, 1, 0))
    monkeypatch.setattr(dictionaries, "_iter_records", lambda stream, position: iter([(0, b"cba", b"zyx")]))
    assert list(dictionaries.pairs("enm")) == [(b"abc", b"xyz")]


def test_damaged_dictionary_is_refused(monkeypatch):
    pytest.importorskip("simplemma")
    dictionaries = SimplemmaDictionaries(["enm"])
    stream = dictionaries._read_decompressed("enm")
    for cut in (3, len(stream) // 2, len(stream) - 1):
        monkeypatch.setattr(dictionaries, "_read_decompressed", lambda language, cut=cut: stream[:cut])
        with pytest.raises(DataError, match=r"enm\.plzma: damaged .*reinstall"):
            list(dictionaries.pairs("enm"))


def test_missing_simplemma_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'xclass\[lemmas\]'"):
        SimplemmaDictionaries()


def test_too_long_words_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(DataError, match="xx has a word of more than 255 bytes"):
        prepare(tmp_path, dictionaries=FakeDictionaries({"xx": [("a" * 256, "L")]}))
    assert list(tmp_path.iterdir()) == []


def test_second_call_reads_nothing_and_files_are_reproducible(tmp_path):
    words = FakeDictionaries({"xx": [(f"w{i}", f"l{i % 70}") for i in range(1000)]})
    seen = []
    folder = prepare(tmp_path / "a", dictionaries=words, progress=lambda *call: seen.append(call))
    assert seen
    assert all(0 <= done <= total for done, total, _ in seen)
    seen.clear()
    assert prepare(tmp_path / "a", dictionaries=words, progress=lambda *call: seen.append(call)) == folder
    assert not seen
    again = prepare(tmp_path / "b", dictionaries=words)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        p.name: p.read_bytes() for p in again.iterdir()
    }


CHILD = """
import sys
from pathlib import Path
from test_lemmas_prepare import FakeDictionaries
from xclass.data.lemmas.prepare import prepare

def progress(done, total, what):
    if what.startswith(sys.argv[2]):
        print("reached", flush=True)
        sys.stdin.readline()

words = FakeDictionaries({"aa": [(f"w{i}", f"l{i % 7}") for i in range(300)], "bb": [("x", "y"), ("z", "y")]})
prepare(Path(sys.argv[1]), dictionaries=words, progress=progress)
"""
SAME_WORDS = FakeDictionaries(
    {"aa": [(f"w{i}", f"l{i % 7}") for i in range(300)], "bb": [("x", "y"), ("z", "y")]}
)


def start_child(cache, stage):
    path = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(cache), stage],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert child.stdout.readline() == "reached\n"
    return child


@pytest.mark.parametrize("stage", ["reading bb", "writing train", "writing names"])
def test_killed_preparation_leaves_no_cache_and_is_cleaned_up(tmp_path, stage):
    with start_child(tmp_path, stage) as child:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
    assert len(list(tmp_path.glob(f".*.partial-{child.pid}-*"))) == 1
    folder = prepare(tmp_path, dictionaries=SAME_WORDS)
    assert list(tmp_path.iterdir()) == [folder]
    assert LemmasSource(folder, num_classes=None, seed=0).num_classes == 8


def test_two_preparations_beside_each_other_do_not_meet(tmp_path):
    with start_child(tmp_path, "writing test") as child:
        folder = prepare(tmp_path, dictionaries=SAME_WORDS)
        assert len(list(tmp_path.glob(f".*.partial-{child.pid}-*"))) == 1, (
            "the work of a live process was removed"
        )
        before = (folder / "manifest.json").stat().st_ino
        child.communicate("\n")
        assert child.returncode == 0
    assert (folder / "manifest.json").stat().st_ino == before
    assert list(tmp_path.iterdir()) == [folder]


def test_exception_leaves_nothing(tmp_path):
    def progress(done, total, what):
        if what.startswith("writing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path, dictionaries=SAME_WORDS, progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_one_clear_line(tmp_path):
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from test_lemmas_prepare import FakeDictionaries; from xclass.data.lemmas.prepare import prepare\n"
        "from xclass.errors import DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "words = FakeDictionaries({'aa': [(f'w{i}', 'l') for i in range(9000)]})\n"
        "try: prepare(Path(sys.argv[1]), dictionaries=words)\n"
        "except DataError as error: sys.stdout.write(str(error))\n"
    )
    path = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert "cannot be written (File too large); free about 1.2 GB" in done.stdout
    assert "\n" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["train.bytes", "train.lengths", "test.starts", "class_starts.u4", "names.bytes"]
)
def test_damaged_cache_is_refused_by_name(tmp_path, name):
    folder = prepare(tmp_path, dictionaries=SAME_WORDS)
    path = folder / name
    os.truncate(path, path.stat().st_size - 1)
    for use in (
        lambda: prepare(tmp_path, dictionaries=SAME_WORDS),
        lambda: LemmasSource(folder, num_classes=2, seed=0),
    ):
        with pytest.raises(DataError, match=rf"{name}: .*delete the folder"):
            use()
    path.unlink()
    with pytest.raises(DataError, match=rf"{name}: missing; delete the folder"):
        prepare(tmp_path, dictionaries=SAME_WORDS)


def test_damaged_manifest_is_refused_by_name(tmp_path):
    folder = prepare(tmp_path, dictionaries=SAME_WORDS)
    manifest = folder / "manifest.json"
    document = json.loads(manifest.read_text())
    for text in (
        "",
        "{",
        "[]",
        "{}",
        json.dumps({**document, "num_train": None}),
        json.dumps({**document, "files": 3}),
    ):
        manifest.write_text(text)
        with pytest.raises(DataError, match=r"manifest\.json: not a manifest .*delete the folder"):
            prepare(tmp_path, dictionaries=SAME_WORDS)
    manifest.write_text(json.dumps({**document, "format_version": 99}))
    with pytest.raises(DataError, match="format_version=99"):
        prepare(tmp_path, dictionaries=SAME_WORDS)


def test_cache_folder_follows_config_then_environment(monkeypatch, tmp_path):
    assert LemmasConfig(cache=str(tmp_path)).cache_folder() == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert LemmasConfig().cache_folder() == tmp_path / "xclass"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LemmasConfig().cache_folder() == tmp_path / ".cache" / "xclass"
    with pytest.raises(ConfigError, match=r"data\.cache"):
        LemmasConfig(cache=" ")


def test_staging_chunks_cover_every_class_once(monkeypatch, tmp_path):
    words = FakeDictionaries({"aa": [(f"w{i}", f"l{i % 97}") for i in range(5000)]})
    whole = read_back(LemmasSource(prepare(tmp_path / "a", dictionaries=words), num_classes=None, seed=0))
    monkeypatch.setattr("xclass.data.lemmas.prepare._CHUNK_BYTES", 50)
    monkeypatch.setattr("xclass.data.lemmas.grouping._CHUNK", 13)
    parts = read_back(LemmasSource(prepare(tmp_path / "b", dictionaries=words), num_classes=None, seed=0))
    assert parts == whole
    assert np.sum([len(train) for train, _ in whole.values()]) == 5000 - 97
