"""Where examples come from: one source per file, all behind :class:`xclass.data.base.DataSource`."""
