"""A tree of yes/no questions over the classes, frequent ones near its root."""
