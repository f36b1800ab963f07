"""Counter-based synthetic data: any example is computed from (seed, example id), nothing is stored."""
