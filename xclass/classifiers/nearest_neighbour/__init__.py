"""FAISS index over class means; no training, no torch."""
