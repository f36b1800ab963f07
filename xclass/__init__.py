"""xclass: classifiers with millions of classes, and the truth about the server they need.

Importing this package is free: no engine (torch, faiss, numpy) is loaded here.
"""

__version__ = "0.1.0"
