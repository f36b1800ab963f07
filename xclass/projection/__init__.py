"""From measured points to sizes that were not measured, with the error of doing so. Loads no engine."""
