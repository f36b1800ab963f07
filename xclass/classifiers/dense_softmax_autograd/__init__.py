"""Exact softmax the plain torch way: the reference that everybody would write."""
