"""One linear support vector machine per class, its small weights pruned."""
