"""The file formats of Keras models, and reading a model file of any of them."""
