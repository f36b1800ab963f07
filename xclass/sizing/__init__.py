"""What a run will need, before it runs. Loads no engine."""
