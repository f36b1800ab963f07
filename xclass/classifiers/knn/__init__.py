"""Votes of the training examples that are nearest to the query: exact, sparse or dense."""
