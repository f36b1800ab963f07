"""An index by feature: which rows (classes or examples) have it, and how much; searched exactly."""
