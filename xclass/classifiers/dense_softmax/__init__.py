"""Exact softmax over all classes, streamed over blocks of classes."""
