"""Saved models of every kind with bits flipped, files cut, swapped, added: the seal refuses each by name.

And models whose changes somebody sealed anew, in processes of their own, since engines in C++ trust their
files: what of xclass's own formats is left is an answer or one error, never a traceback.
"""

import collections
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st
from nonsense import EXAMPLES, fuzz

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.seal import SEAL, seal
from xclass.errors import ModelError, XclassError
from xclass.estimators import ESTIMATORS

WORDS = ["apple", "banana", "cherry", "date", "elderberry", "fig", "grape", "honeydew"]
TEXTS = [f"{word} {number}" for number in range(6) for word in WORDS]
NAMES = [word.upper() for _ in range(6) for word in WORDS]
SAVED_AS_DENSE_SOFTMAX = ("DenseSoftmaxAutograd", "SampledSoftmax")
OWN_FORMATS = [
    name
    for name, estimator in ESTIMATORS.items()
    if not METHOD_CONFIGS[estimator._method].libraries and name not in SAVED_AS_DENSE_SOFTMAX
]
"""Formats of xclass and of FAISS; of the others the library reads every byte that the seal lets through."""
SETTINGS = {"dim": 8, "epochs": 1, "encoder": {"num_buckets": 256}}
MAX_BYTES = 3 << 30
SECONDS = 20


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Name of an estimator -> the folder of a fitted one, made once."""
    made = {}

    def get(name):
        if name not in made:
            known = ESTIMATORS[name]().get_params()
            params = {key: value for key, value in SETTINGS.items() if key in known}
            made[name] = tmp_path_factory.mktemp(name) / "model"
            ESTIMATORS[name](**params).fit(TEXTS, NAMES).save(made[name])
        return made[name]

    return get


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_whatever_is_changed_in_a_sealed_model_is_refused_by_name(name, saved, tmp_path, monkeypatch):
    folder = shutil.copytree(saved(name), tmp_path / "model")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    monkeypatch.setattr("xclass.estimators.estimator.OpenedModel", never)

    @fuzz(st.data(), share=0.5)
    def check(data):
        path = data.draw(st.sampled_from(files))
        before = path.read_bytes()
        path.write_bytes(data.draw(CHANGES)(before, data.draw(st.integers(0, len(before) - 1)), files))
        try:
            if path.read_bytes() != before:
                with pytest.raises(ModelError) as caught:
                    ESTIMATORS[name].load(folder)
                assert str(caught.value).startswith(f"{folder}/")
                assert path.name == SEAL or str(caught.value).startswith(f"{path}: ")
        finally:
            path.write_bytes(before)

    check()


def never(*_, **__):
    raise AssertionError("the model was opened")


CHANGES = st.sampled_from([
    lambda content, at, _: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
    lambda content, at, _: content[:at],
    lambda content, at, _: content + content[at:],
    lambda content, at, files: files[at % len(files)].read_bytes(),
    lambda content, at, _: bytes(len(content)),
])  # fmt: skip


def answer_damaged(folder, num_tries, seed):
    """Try so many changed and newly sealed copies of each model; a line of JSON for each."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    draw = random.Random(seed)
    for model in sorted(Path(folder).iterdir()):
        sys.stdout.write(f"{model.name} ")
        sys.stdout.flush()
        files = sorted(path for path in model.rglob("*") if path.is_file() and path.name != SEAL)
        counts = collections.Counter(_try(model, draw.choice(files), draw) for _ in range(num_tries))
        sys.stdout.write(json.dumps(counts) + "\n")


def _try(model, path, draw):
    """Change one file, seal, ask; the file is put back."""
    before, content = path.read_bytes(), bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 3) if content else 0):
        # Headers more often than what follows.
        at = draw.randrange(min(len(content), 200) if draw.random() < 0.6 else len(content))
        content[at] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    seal(model)
    signal.alarm(SECONDS)
    try:
        ESTIMATORS[model.name].load(model).predict_topk(TEXTS[:3], 2)
    except XclassError:
        return "refused"
    except Exception as error:
        return f"{path.name}: {type(error).__name__}: {error}"[:200]
    finally:
        path.write_bytes(before)
    return "answered"


def test_a_change_that_was_sealed_anew_ends_in_an_answer_or_one_error(saved, tmp_path):
    tries, seed = (int(EXAMPLES), random.randrange(1 << 30)) if EXAMPLES else (20, 0)
    for name in OWN_FORMATS:
        shutil.copytree(saved(name), tmp_path / name)
    code = "import sys; sys.path.insert(0, sys.argv[1]); from test_fuzz_models import answer_damaged; "
    code += "answer_damaged(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))"
    words = [Path(__file__).parent, tmp_path, tries, seed]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"seed {seed}: {done.stdout[-200:]}: {done.returncode}: {done.stderr[-900:]}"
    results = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert sorted(results) == sorted(OWN_FORMATS)
    for name, counts in results.items():
        assert set(json.loads(counts)) <= {"answered", "refused"}, f"seed {seed}: {name}"
