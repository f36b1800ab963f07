"""Class vectors that are computed from the class id and never trained: what is trained is the encoder."""
