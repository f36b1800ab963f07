"""Vectors that somebody computed already, in a file that may be larger than RAM."""
