"""Read a model file in a child process with limits, or here: `read_file.py child|here FILE`."""

import sys
from pathlib import Path

from fpcheck.files.child import Job
from fpcheck.files.opening import ModelFile, open_regular
from fpcheck.files.reading import read

way, path = sys.argv[1:]
if way == "child":
    ModelFile(path, path).reading(None)
else:
    read(Job(open_regular(path, path), path, str(Path(path).parent), None))
