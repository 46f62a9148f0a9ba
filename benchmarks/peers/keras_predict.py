"""Load a model with Keras and run it once: `keras_predict.py MODEL PROBES.npy`."""

import sys

import keras
import numpy as np

model = keras.models.load_model(sys.argv[1])
print(model.predict(np.load(sys.argv[2]), verbose=0).sum())
