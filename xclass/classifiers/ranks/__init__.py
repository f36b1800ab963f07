"""Training in several processes, each of which owns a slice of the class vectors."""
