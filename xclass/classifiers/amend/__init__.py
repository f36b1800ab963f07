"""Adding classes to a saved model and dropping some, without training: a new folder beside the old one."""
