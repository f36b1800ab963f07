"""The most frequent classes, whatever is asked: what every other method has to beat."""
