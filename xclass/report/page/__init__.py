"""The page that a client reads: one document of sections and figures, rendered as Markdown and as HTML."""
