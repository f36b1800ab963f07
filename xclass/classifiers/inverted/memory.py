"""Closed forms of inverted indexes. Standard library only."""

from __future__ import annotations

from xclass.classifiers.work import BATCH_QUERY, OPEN, QUERY, SAVE, Work, batch_work, open_work, query_work
from xclass.classifiers.work import save_work as _save_work
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, ProblemShape

BLOCK_ROWS = 1 << 16
"""Rows of a block: what two bytes can name, and as many float32 scores as a second-level cache holds."""
UNIT_ROWS = 1 << 10
"""Rows whose sums are one matrix: each is copied when examples are added to it."""
TURNED_ENTRIES = 1 << 18
"""Entries of rows that are turned round at a time: bounds the scratch where the first classes have most."""
PENDING_ENTRIES = 1 << 20
PENDING_SHARE = 0.125
"""Entries of examples that wait until they are added to the sums: at least so many, and this share of those
sums: each time all sums are copied."""
PENDING_ROW_BYTES = 48
"""Of an example that waits, for its class, its order and its place: six of 8 bytes."""
ENTRY_BYTES = 3
"""Of a posting: two that name its row in its block and one of its weight."""
SUM_ENTRY_BYTES = 8
"""Of an entry of a scipy CSR matrix of float32 with int32 indices."""
TURNED_ENTRY_BYTES = 32
"""While rows are turned round: as they were and by column (16), places (8), codes and squares (8)."""
ENTRIES, LISTS = "postings", "posting lists"
"""Names of the components; with xclass.shapes.MAPPED where they are opened from a file."""
_CODES = 256


def num_blocks(num_rows: int) -> int:
    """Blocks of that many rows."""
    return -(-num_rows // BLOCK_ROWS)


def features_per_class(shape: ProblemShape, most: int = 0) -> float:
    """Distinct features that the examples of a class have together, in the mean: ``f n ** h``.

    Args:
        shape: of the problem.
        most: that are kept of each class; 0: all.
    """
    examples = shape.num_examples * shape.classes_per_example / shape.num_classes
    found = shape.features_per_example * (examples**shape.feature_growth if examples > 1 else examples)
    found = min(found, float(shape.num_features))
    return min(found, float(most)) if most else found


def posting_terms(num_rows: int, num_entries: float, num_columns: int) -> dict[str, int]:
    """Bytes of an index: 3 per entry, and for each block 4 per feature."""
    blocks = num_blocks(num_rows)
    per_block = FLOAT32_BYTES * (num_columns + 1) + FLOAT32_BYTES * _CODES
    return {
        ENTRIES: round(ENTRY_BYTES * num_entries),
        LISTS: blocks * per_block + INT64_BYTES * (blocks + 1) + FLOAT32_BYTES * blocks,
    }


def search_scratch(shape: ProblemShape, num_found: int) -> dict[str, int]:
    """Bytes of searching a batch: scores of a block per thread, the queries, and the best rows."""
    per_thread = FLOAT32_BYTES * BLOCK_ROWS + BLOCK_ROWS // 64
    queries = round(SUM_ENTRY_BYTES * shape.query_batch_size * shape.features_per_example)
    found = (INT64_BYTES + FLOAT32_BYTES) * shape.query_batch_size * num_found
    return {"scores of a block": shape.threads * per_thread, "queries searched": queries + found}


def search_works(
    shape: ProblemShape, num_rows: int, features_per_row: float, model_bytes: int
) -> dict[str, Work]:
    """Of saving, opening and asking: a query goes through the lists of its features.

    A list of one of M features has ``rows x features per row / M`` entries in the mean, and a query has
    ``features_per_example`` of them, so it meets that many; how far lists are longer than the mean, where
    common features are asked for more often, belongs to the data and not to the size.
    """
    met = num_rows * features_per_row * shape.features_per_example / max(1, shape.num_features)
    form = "linear in rows x features per row x features per query / features"
    return {
        SAVE: _save_work(model_bytes),
        OPEN: open_work(FLOAT32_BYTES * _CODES * num_blocks(num_rows)),
        QUERY: query_work(met, form),
        BATCH_QUERY: batch_work(shape, met, form),
    }
