"""Tiny text encoders in folders, written by hand."""

from __future__ import annotations

import json

import numpy as np
from safetensors.numpy import save_file

WORDS = ["[UNK]", "red", "blue", "shoe", "hat", "##s"]


def write_tokenizer(folder):
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {word: number for number, word in enumerate(WORDS)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(document))


def write_static(folder, *, dtype=np.float32, name="embeddings", **tensors):
    """A folder as model2vec writes it; the matrix that lies in it, float32."""
    folder.mkdir(parents=True, exist_ok=True)
    matrix_VD = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(dtype)
    write_tokenizer(folder)
    save_file({name: matrix_VD, **tensors}, str(folder / "model.safetensors"))
    return matrix_VD.astype(np.float32)


def write_modules(folder, *kinds, package="sentence_transformers.models"):
    modules = [
        {"idx": at, "name": str(at), "path": f"{at}_{kind}" if at else "", "type": f"{package}.{kind}"}
        for at, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
