"""The methods that are compared: one folder each, ``config.py`` (pure) and ``classifier.py`` (its engine)."""
