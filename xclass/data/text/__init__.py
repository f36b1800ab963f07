"""``data=text``: a table of texts with their classes, in files of the user's own."""
