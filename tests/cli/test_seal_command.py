"""``python -m xclass.seal``, and prove's check that a model is the one that was measured."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from xclass.classifiers.seal import SealLevel, check_seal, seal
from xclass.cli.prove import _check_models
from xclass.cli.seal import _carry_out
from xclass.errors import ConfigError, ModelError


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    (folder / "weights.npy").write_bytes(b"1234")
    return folder


def test_a_sealed_model_passes_with_its_fingerprint_and_no_other(model, capsys):
    fingerprint = seal(model)
    assert _carry_out([str(model), f"fingerprint={fingerprint}"]) == 0
    assert capsys.readouterr().out == f"as it was sealed; fingerprint {fingerprint}\n"
    with pytest.raises(ModelError, match=f"fingerprint {fingerprint}, not abc; it is another model"):
        _carry_out([str(model), "fingerprint=abc"])


def test_an_older_model_is_sealed_only_when_that_is_said(model, capsys):
    with pytest.raises(ModelError, match="not sealed"):
        _carry_out([str(model)])
    assert _carry_out([str(model), "new=true"]) == 0
    assert capsys.readouterr().out == f"sealed; fingerprint {check_seal(model)}\n"


@pytest.mark.parametrize(
    "words", [[], ["a", "b"], ["a", "colour=red"], ["a", "new=yes"], ["a", "new=true", "fingerprint=1"]]
)
def test_mistakes_are_refused_by_name(words):
    with pytest.raises(ConfigError):
        _carry_out(words)


def test_the_command_says_one_line_and_fails(model):
    seal(model)
    (model / "weights.npy").write_bytes(b"12345")
    done = subprocess.run(
        [sys.executable, "-m", "xclass.seal", str(model)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"xclass: {model}/weights.npy: 5 bytes, sealed with 4; the model is damaged or was changed: copy it "
        "again or train it again\n"
    )


def test_prove_refuses_a_model_that_was_changed_and_sealed_anew(model):
    load = SimpleNamespace(details={"model_fingerprint": seal(model)})
    spec = SimpleNamespace(model_dir=str(model))
    source = SimpleNamespace(model_folders=lambda: [model], load=load, spec=spec)
    _check_models(source, SealLevel.contents)
    (model / "weights.npy").write_bytes(b"5678")
    _check_models(source, SealLevel.sizes)
    with pytest.raises(ModelError, match=r"weights\.npy: not the bytes"):
        _check_models(source, SealLevel.contents)
    seal(model)
    with pytest.raises(ModelError, match="it was changed and sealed anew"):
        _check_models(source, SealLevel.sizes)
