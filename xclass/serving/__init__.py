"""A small HTTP service over any saved model: torch-free, memory-mapped, several workers over one file."""
