"""Reasons in the data to believe an accuracy less: queries that were trained on, classes never asked about.

Made once per run, after the meter has read. The search for copies is bounded in time: training examples are
looked through in blocks in a seeded pseudo-random order, so that what was seen is a sample of all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xclass.data.base import Batch, DataSource, Inputs, SparseRows, Texts, slice_inputs
from xclass.data.permutation import Permutation
from xclass.evaluate import leakage_words
from xclass.evaluate.config import EvaluateConfig
from xclass.evaluate.leakage_found import Found
from xclass.evaluate.leakage_texts import TextMatcher
from xclass.evaluate.leakage_vectors import VectorMatcher
from xclass.evaluate.unasked_classes import count_unasked
from xclass.records.cautions import Caution

_MAX_TEXTS, _MAX_VECTORS = 10_000, 1_000
"""Queries that copies are looked for; of vectors each costs a product with every training example."""
_TEXT_BYTES, _OTHER_BYTES, _MAX_ROWS = 1 << 20, 1 << 24, 1 << 14
"""Of one block of training examples."""
_MAX_PRODUCTS = 1 << 22
_BLOCKS_KEY = 0x1EAC
_DRAWN_AFRESH = "held-out examples are drawn afresh from the law of the data: none can be a training example"
_SWITCHED_OFF = "evaluate.leakage_seconds=0"


@dataclass(kw_only=True, slots=True)
class Leakage:
    """How far training examples were searched for copies of the queries: facts for the record."""

    num_queries: int
    num_examples: int
    """Training examples that there are."""
    num_examples_seen: int = 0
    seconds: float = 0.0
    left_out: str | None = None
    """Why nothing was searched."""


def find_cautions(
    source: DataSource, config: EvaluateConfig, *, facts: Mapping[str, Any], seed: int
) -> tuple[list[Caution], Leakage]:
    """Look at the held-out examples that a run will ask, and at the training examples beside them.

    Args:
        source: of the run.
        config: how many queries, and for how long to search.
        facts: what preparing the data found; ``num_test`` null: examples are drawn afresh;
            ``num_test_classes``: classes that held-out examples are of, where the source has counted them.
        seed: of the run: the queries are the very ones that it asks.

    Memory:
        the queries; a block of at most 1 MiB of text with 60 bytes per character, or of 16 MiB otherwise;
        where classes must be counted, 8 bytes per class and at most 200 000 queries.
    """
    is_endless = facts.get("num_test", 0) is None
    queries = source.queries(min(config.num_queries, source.num_test), seed)
    cautions: list[Caution] = []
    leakage = Leakage(num_queries=len(queries), num_examples=source.num_examples)
    if is_endless or not config.leakage_seconds:
        leakage.left_out = _DRAWN_AFRESH if is_endless else _SWITCHED_OFF
    else:
        searched = _slice(queries, _MAX_TEXTS if isinstance(queries.inputs, Texts) else _MAX_VECTORS)
        found = Found(searched.sets)
        _search(source, searched, found, leakage, seconds=config.leakage_seconds, seed=seed)
        cautions += _copies(source, searched, found, leakage)
    cautions += leakage_words.few_queries(len(queries), num_existing=None if is_endless else source.num_test)
    if not is_endless:
        cautions += count_unasked(source, num_test_classes=facts.get("num_test_classes"), seed=seed)
    return cautions, leakage


def _search(
    source: DataSource, queries: Batch, found: Found, leakage: Leakage, *, seconds: float, seed: int
) -> None:
    """Block after block until all were seen or the time is over; the first block is always seen."""
    begun = time.monotonic()
    num_examples = leakage.num_examples
    leakage.num_queries = len(queries)
    if not num_examples or not len(queries):
        return
    inputs = queries.inputs
    matcher = TextMatcher(inputs) if isinstance(inputs, Texts) else VectorMatcher(inputs)
    first = source.example_batch(0, min(64, num_examples))
    size = _block_size(first.inputs, len(queries))
    num_blocks = -(-num_examples // size)
    order = Permutation(num_blocks, (_BLOCKS_KEY, seed))
    for place in range(num_blocks):
        start = int(order(np.array([place]))[0]) * size
        batch = source.example_batch(start, min(start + size, num_examples))
        found.add(matcher.look(batch.inputs), batch.sets, start)
        leakage.num_examples_seen += len(batch)
        if time.monotonic() - begun >= seconds:
            break
    leakage.seconds = round(time.monotonic() - begun, 2)


def _block_size(inputs: Inputs, num_queries: int) -> int:
    """Examples of a block, so that it stays within its bytes."""
    if isinstance(inputs, Texts):
        per_example = max(1.0, float(inputs.offsets[-1] - inputs.offsets[0]) / len(inputs))
        most = _TEXT_BYTES / per_example
    else:
        num_bytes = 8 * len(inputs.values) if isinstance(inputs, SparseRows) else inputs.nbytes
        most = min(_OTHER_BYTES / max(1.0, num_bytes / len(inputs)), _MAX_PRODUCTS / num_queries)
    return int(np.clip(most, 16, _MAX_ROWS))


def _copies(source: DataSource, queries: Batch, found: Found, leakage: Leakage) -> list[Caution]:
    cautions: list[Caution] = []
    for is_exact in (True, False):
        num_same, num_other = found.counts(is_exact=is_exact)
        if num_same + num_other:
            cautions.append(
                leakage_words.copies(
                    is_exact=is_exact,
                    is_text=isinstance(queries.inputs, Texts),
                    num_same=num_same,
                    num_other=num_other,
                    num_queries=len(queries),
                    seen=(leakage.num_examples_seen, leakage.num_examples),
                    examples=[_example(source, queries, *one) for one in found.examples[is_exact]],
                )
            )
    return cautions


def _example(source: DataSource, queries: Batch, query: int, position: int, is_same: bool) -> str:
    example = source.example_batch(position, position + 1)
    ours = _shown(slice_inputs(queries.inputs, query, query + 1), f"query {query}")
    theirs = _shown(example.inputs, f"training example {position}")
    our_class = source.class_name(int(queries.classes_B[query]))
    their_class = source.class_name(int(example.classes_B[0]))
    classes = f"both of {our_class}" if is_same else f"of {our_class} and of {their_class}"
    return f"{ours} and {theirs}, {classes}"


def _shown(inputs: Inputs, otherwise: str) -> str:
    if not isinstance(inputs, Texts):
        return otherwise
    return leakage_words.quoted(inputs.bytes_.tobytes().decode(errors="replace"))


def _slice(batch: Batch, most: int) -> Batch:
    """The first examples of a batch."""
    if len(batch) <= most:
        return batch
    sets = batch.sets
    several = type(sets)(starts=sets.starts[: most + 1], classes=sets.classes[: sets.starts[most]])
    return Batch(
        inputs=slice_inputs(batch.inputs, 0, most), classes_B=batch.classes_B[:most], several=several
    )
