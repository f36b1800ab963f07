"""Trees of linear classifiers over clusters of classes, with omikuji."""
