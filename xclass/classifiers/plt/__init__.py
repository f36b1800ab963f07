"""Probabilistic label trees of logistic classifiers, with napkinXC."""
