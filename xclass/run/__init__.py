"""How a run is carried out: launcher (outside), worker and job (in the child)."""
