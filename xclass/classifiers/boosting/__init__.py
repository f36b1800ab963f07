"""Gradient boosting with LightGBM: a tree per class and round."""
