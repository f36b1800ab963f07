"""Numbered features and many classes, in the text format of the Extreme Classification Repository."""
