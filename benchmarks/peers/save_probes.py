"""Not timed: the probes of a golden, as the model takes them: `save_probes.py GOLDEN.yaml OUT`."""

import sys

import numpy as np

import fpcheck
from fpcheck.model.preprocessing import prepare

outputs = fpcheck.load_golden(sys.argv[1]).fingerprint.outputs
assert outputs is not None
(images,) = prepare(outputs.probes, outputs.probes.make(), outputs.preprocess)
np.save(sys.argv[2], images)
