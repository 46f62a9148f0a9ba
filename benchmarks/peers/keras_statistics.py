"""What people write first: load the model with Keras, then statistics of each weight."""

import sys

import keras
import numpy as np

model = keras.models.load_model(sys.argv[1])
for variable in model.variables:
    values = np.asarray(variable)
    print(variable.path, values.min(), values.max(), values.mean(), values.std(), values.size)
