"""How Keras stores the tensors of a model in weight files, and what the files do not store."""
