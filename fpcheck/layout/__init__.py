"""How Keras lays the tensors of a model out in its weight files."""
