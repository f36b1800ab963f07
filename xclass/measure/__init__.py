"""Instruments: what the kernel and memray say about one process; they know nothing of classifiers."""
