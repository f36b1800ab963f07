"""The versioned raw record: what was measured, written once, never edited."""
