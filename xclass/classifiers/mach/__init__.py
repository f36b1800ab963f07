"""Classes hashed into the buckets of several small softmax heads: no byte grows with the classes."""
