"""Class means of sparse features, searched through an inverted index; no training by steps, no torch."""
