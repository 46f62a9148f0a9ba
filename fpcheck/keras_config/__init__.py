"""Reading configurations of Keras models as plain data, without Keras."""
