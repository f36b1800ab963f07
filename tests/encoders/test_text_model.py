"""What a folder with a text encoder is, told from its files alone: nothing of it is loaded, let alone run."""

import json

import pytest
from made_text_models import write_modules, write_static, write_tokenizer

from xclass.config import RunConfig
from xclass.data.lemmas.config import LemmasConfig
from xclass.encoders.config import NgramConfig
from xclass.encoders.kinds import EncoderKind
from xclass.encoders.text_model import check_encoder, read_text_model
from xclass.errors import ConfigError
from xclass.sizing.plan import make_shape, plan_method


def test_a_static_model_is_known_by_its_matrix(tmp_path):
    write_static(tmp_path / "a")
    write_static(tmp_path / "b", name="embedding.weight")
    write_modules(tmp_path / "b", "StaticEmbedding", "Normalize")
    for name in "ab":
        model = read_text_model(str(tmp_path / name))
        assert (model.kind, model.dim, model.matrix.shape) == (EncoderKind.static, 8, (6, 8))
        assert model.weights_bytes == (tmp_path / name / "model.safetensors").stat().st_size


def write_transformer(folder, *, weights="model.safetensors", dense=None):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"hidden_size": 12}))
    write_tokenizer(folder)
    (folder / weights).write_bytes(b"x" * 100)
    write_modules(folder, "Transformer", "Pooling", *(["Dense"] if dense else []))
    if dense:
        (folder / "2_Dense").mkdir()
        (folder / "2_Dense" / "config.json").write_text(json.dumps({"out_features": dense}))
        (folder / "2_Dense" / "model.safetensors").write_bytes(b"x" * 10)


def test_a_sentence_model_has_the_dimensions_of_its_last_layer(tmp_path):
    write_transformer(tmp_path / "plain")
    write_transformer(tmp_path / "dense", dense=5)
    plain, dense = (read_text_model(str(tmp_path / name)) for name in ("plain", "dense"))
    assert (plain.kind, plain.dim, plain.weights_bytes) == (EncoderKind.sentence, 12, 100)
    assert (dense.dim, dense.weights_bytes) == (5, 110)


def test_what_would_need_the_network_pickle_or_code_of_its_own_is_refused(tmp_path):
    write_transformer(tmp_path / "pickled", weights="pytorch_model.bin")
    write_static(tmp_path / "own")
    write_modules(tmp_path / "own", "Evil", package="somebody.code")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, reason in (
        ("sentence-transformers/all-MiniLM-L6-v2", "names are not looked up"),
        (tmp_path / "file", "names are not looked up"),
        (tmp_path / "pickled", "pickled weights are not opened"),
        (tmp_path / "own", "somebody.code.Evil is code of its own, which is never run"),
        (tmp_path / "empty", "model.safetensors"),
    ):
        with pytest.raises(ConfigError, match=r"^encoder\.model=") as caught:
            read_text_model(str(name))
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)


def configured(folder, **changes):
    return RunConfig(
        data=LemmasConfig(), encoder=NgramConfig(model=str(folder)), classes=1000, threads=1, **changes
    )


def test_the_dimensions_of_a_run_are_those_of_its_model(tmp_path, monkeypatch):
    write_static(tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    config = configured("m")
    assert config.dim == 8
    assert config.encoder.model == str(tmp_path / "m"), "absolute: a child may run elsewhere"
    with pytest.raises(ConfigError, match="dim=16: allowed is 8"):
        configured("m", dim=16)


def test_the_plan_counts_the_files_of_the_model_in_every_phase(tmp_path):
    write_static(tmp_path / "m")
    config = configured(tmp_path / "m")
    fit, load, serve = plan_method(config, "nearest_neighbour", make_shape(config, 1000))
    size = (tmp_path / "m" / "model.safetensors").stat().st_size
    assert fit.regime.components["text encoder (mapped)"] == size
    assert load.regime.components["text encoder (mapped)"] == 0, "nothing of it is touched yet"
    assert serve.regime.components["text encoder (mapped)"] == size
    assert load.regime.components["tokenizer"] == serve.regime.components["tokenizer"] > 0
    assert "n-gram table" not in fit.regime.components


def test_a_missing_library_is_named_with_its_extra_before_anything_runs(tmp_path, monkeypatch):
    write_static(tmp_path / "m")
    monkeypatch.setattr("xclass.encoders.text_model.find_spec", lambda name: None)
    check_encoder(None)
    with pytest.raises(
        ConfigError, match=r"needs tokenizers, not installed here; pip install 'xclass\[static"
    ):
        check_encoder(str(tmp_path / "m"))
