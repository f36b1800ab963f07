"""Answers against the truth: accuracy, latency, and how sure one can be of a share."""
