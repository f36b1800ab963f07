"""The command line: thin Hydra entry points over one configuration tree."""
