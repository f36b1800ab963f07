"""From raw inputs to vectors of D dimensions: one encoder per file, behind :class:`base.Encoder`."""
