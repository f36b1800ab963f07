"""What a sweep that searches is to find: one number per run, from its records."""
