"""Softmax over the true class and some sampled ones; touches only their rows."""
