"""Frequent classes in full, rare ones in clusters of fewer dimensions: torch's adaptive softmax."""
