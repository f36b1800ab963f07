"""The class vectors of the softmax heads: in which format they are kept, started, updated and saved."""
