"""Read a model file in a child process with limits, or here: `read_file.py child|here FILE`."""

import os
import sys

from fpcheck.files.opening import ModelFile, open_regular
from fpcheck.files.reading import read

way, path = sys.argv[1:]
if way == "child":
    ModelFile(path, path).reading(None)
else:
    read(open_regular(path, path), path, os.path.dirname(path), None)
