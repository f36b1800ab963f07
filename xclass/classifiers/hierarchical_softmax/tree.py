"""Huffman's tree over the class counts: as many questions for a class as its frequency is worth bits.

Built by whole rounds instead of one pair at a time: while the two lightest nodes together weigh ``m``, every
node of at most ``m`` meets only nodes of at most ``m``, since all that are made from now on weigh ``m`` or
more. A round pairs them all, in order of weight, and at least halves the lightest part of the tree.

Source: Huffman, "A Method for the Construction of Minimum-Redundancy Codes", Proc. IRE 40 (1952); two sorted
queues: van Leeuwen, ICALP 1976; as the tree of a softmax: Morin & Bengio, AISTATS 2005; Mikolov et al.,
"Distributed Representations of Words and Phrases", NIPS 2013; fastText (Joulin et al., EACL 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray

Int32Array = npt.NDArray[np.int32]


def build_tree(counts_C: IntArray) -> Int32Array:
    """The parents of all nodes of a tree with least expected depth.

    Leaves are the classes; inner node i, which asks question i, is node ``C + i``; the root is the last.

    Args:
        counts_C: shape (C,), int64, non-increasing, not negative; C at least 2. Left untouched.

    Returns:
        Shape (2 C - 2,), int32: ``2 question + side`` of each node but the root, side 0 or 1.

    Memory:
        8 C bytes returned; while it is built 8 C of weights of inner nodes and at most 36 C in one round.
    """
    num_classes = len(counts_C)
    parents = np.zeros(2 * num_classes - 2, np.int32)
    leaves = counts_C[::-1]
    inner = np.zeros(num_classes - 1, np.int64)
    first_leaf = first_inner = made = 0
    while made < num_classes - 1:
        lightest = np.sort(
            np.concatenate(
                [leaves[first_leaf : first_leaf + 2], inner[first_inner : min(made, first_inner + 2)]]
            )
        )
        limit = int(lightest[:2].sum())
        last_leaf = first_leaf + int(np.searchsorted(leaves[first_leaf:], limit, side="right"))
        last_inner = first_inner + int(np.searchsorted(inner[first_inner:made], limit, side="right"))
        if (last_leaf - first_leaf + last_inner - first_inner) % 2:
            # The heaviest waits for the next round.
            is_leaf = last_inner == first_inner or (
                last_leaf > first_leaf and leaves[last_leaf - 1] > inner[last_inner - 1]
            )
            last_leaf, last_inner = last_leaf - is_leaf, last_inner - (not is_leaf)
        nodes, weights = _merged(leaves, inner, range(first_leaf, last_leaf), range(first_inner, last_inner))
        num_pairs = len(nodes) // 2
        parents[nodes] = np.arange(2 * made, 2 * (made + num_pairs), dtype=np.int32)
        inner[made : made + num_pairs] = weights[::2] + weights[1::2]
        made += num_pairs
        first_leaf, first_inner = last_leaf, last_inner
    return parents


def _merged(
    leaves: IntArray, inner: IntArray, of_leaves: range, of_inner: range
) -> tuple[IntArray, IntArray]:
    """Nodes of this round in order of weight, and their weights."""
    num_classes = len(leaves)
    nodes = np.concatenate(
        [
            np.arange(num_classes - 1 - of_leaves.start, num_classes - 1 - of_leaves.stop, -1),
            np.arange(num_classes + of_inner.start, num_classes + of_inner.stop),
        ]
    )
    weights = np.concatenate(
        [leaves[of_leaves.start : of_leaves.stop], inner[of_inner.start : of_inner.stop]]
    )
    if of_leaves and of_inner:
        order = np.argsort(weights, kind="stable")
        nodes, weights = nodes[order], weights[order]
    return nodes, weights


def children_of(parents: Int32Array) -> Int32Array:
    """Both children of each inner node, shape (C - 1, 2), int32: below C a class, else ``C + question``."""
    children = np.empty(len(parents), np.int32)
    children[parents] = np.arange(len(parents), dtype=np.int32)
    return children.reshape(-1, 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """The T questions that B classes answer on the way from leaf to root, level by level.

    Attributes:
        examples_T: int64, whose path.
        questions_T: int64, number of the inner node.
        sides_T: int64, 0 or 1: the right answer.
    """

    examples_T: IntArray
    questions_T: IntArray
    sides_T: IntArray


def paths_of(parents: Int32Array, classes_B: IntArray) -> Paths:
    """The questions of each class.

    Args:
        parents: from :func:`build_tree`.
        classes_B: shape (B,), int64.

    Memory: 40 bytes per question.
    """
    num_classes, root = len(parents) // 2 + 1, len(parents)
    examples, nodes = np.arange(len(classes_B), dtype=np.int64), classes_B
    all_examples, all_codes = [], []
    while len(nodes):
        codes = parents[nodes].astype(np.int64)
        all_examples.append(examples)
        all_codes.append(codes)
        nodes = num_classes + (codes >> 1)
        goes_on = nodes != root
        examples, nodes = examples[goes_on], nodes[goes_on]
    codes_T = np.concatenate(all_codes)
    return Paths(
        examples_T=np.concatenate(all_examples), questions_T=codes_T >> 1, sides_T=codes_T & np.int64(1)
    )
