"""Elementwise work of the softmax heads on blocks of logits: compiled where a C compiler is at hand."""
