"""Text encoders trained elsewhere: the vectors are those that the files say, and no network is needed."""

import json
import socket

import numpy as np
import pytest
from made_text_models import WORDS, write_modules, write_static

from xclass.data.base import Texts
from xclass.encoders.config import NgramConfig
from xclass.encoders.factory import build_encoder, load_encoder
from xclass.encoders.kinds import EncoderKind


def texts(*lines):
    encoded = [line.encode() for line in lines]
    return Texts(
        bytes_=np.frombuffer(b"".join(encoded), np.uint8),
        offsets=np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        contexts=np.zeros(len(lines), np.uint32),
    )


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whatever tries to connect fails the test."""

    def refuse(*_):
        raise AssertionError("a text encoder tried to reach the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def opened(kind, folder):
    return build_encoder(kind, ngrams=NgramConfig(model=str(folder)), dim=0)


def unit(vector):
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_static_vector_is_the_mean_of_the_rows_of_known_tokens(tmp_path, dtype):
    pytest.importorskip("tokenizers")
    matrix_VD = write_static(tmp_path / "m", dtype=dtype)
    encoder = opened(EncoderKind.static, tmp_path / "m")
    found_BD = encoder.encode(encoder.features(texts("Red SHOES", "unheard", "", "hat hat blue")))
    row = dict(zip(WORDS, matrix_VD, strict=True))
    assert found_BD.dtype == np.float32
    np.testing.assert_allclose(found_BD[0], unit(row["red"] + row["shoe"] + row["##s"]), rtol=1e-5)
    np.testing.assert_allclose(found_BD[3], unit(2 * row["hat"] + row["blue"]), rtol=1e-5)
    assert not found_BD[1:3].any(), "nothing known of them"


def test_a_mapping_and_weights_of_tokens_are_followed(tmp_path):
    pytest.importorskip("tokenizers")
    mapping = np.array([0, 2, 2, 3, 4, 5])
    weights = np.array([1, 3, 1, 1, 1, 1], np.float64)
    matrix_VD = write_static(tmp_path / "m", mapping=mapping, weights=weights)
    encoder = opened(EncoderKind.static, tmp_path / "m")
    found_BD = encoder.encode(encoder.features(texts("red hat")))
    np.testing.assert_allclose(found_BD[0], unit(3 * matrix_VD[2] + matrix_VD[4]), rtol=1e-5)


def test_a_saved_static_model_needs_its_old_folder_no_more(tmp_path):
    pytest.importorskip("tokenizers")
    write_static(tmp_path / "m")
    (tmp_path / "m" / "pytorch_model.bin").write_bytes(b"pickled")
    encoder = opened(EncoderKind.static, tmp_path / "m")
    before_BD = encoder.features(texts("red shoes"))
    (tmp_path / "saved").mkdir()
    encoder.save(tmp_path / "saved")
    for path in (tmp_path / "m").iterdir():
        path.unlink()
    loaded = load_encoder(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.features(texts("red shoes")), before_BD)
    assert loaded.held_bytes() == {"text encoder (mapped)": 4 * 6 * 8}
    assert not list((tmp_path / "saved").rglob("*.bin"))


@pytest.fixture
def sentence_folder(tmp_path):
    """A BERT of two layers with random weights, as sentence-transformers saves one."""
    pytest.importorskip("sentence_transformers")
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path / "bert"
    write_static(folder)
    (folder / "model.safetensors").unlink()
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(WORDS) + 1, **sizes)).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), unk_token="[UNK]", pad_token="[PAD]"
    )
    tokenizer.save_pretrained(folder)
    write_modules(folder, "Transformer", "Pooling")
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_sentence_model_gives_vectors_of_length_1_and_is_saved_whole(sentence_folder, tmp_path):
    encoder = opened(EncoderKind.sentence, sentence_folder)
    found_BD = encoder.encode(encoder.features(texts("red shoes", "blue hat", "red shoes")))
    assert found_BD.shape == (3, 8)
    np.testing.assert_allclose(np.linalg.norm(found_BD, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(found_BD[0], found_BD[2], rtol=1e-5)
    assert np.abs(found_BD[0] - found_BD[1]).max() > 1e-3
    (tmp_path / "saved").mkdir()
    encoder.save(tmp_path / "saved")
    again_BD = load_encoder(tmp_path / "saved").features(texts("red shoes", "blue hat"))
    np.testing.assert_allclose(again_BD, found_BD[:2], rtol=1e-5)
