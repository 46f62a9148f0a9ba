"""Read a model file in a child process with limits, or here: `read_file.py child|here FILE`."""

import sys
from pathlib import Path

from fpcheck.codec import PathText
from fpcheck.formats.model_file import ModelFile, open_regular
from fpcheck.formats.reader import read

way, path = sys.argv[1:]
if way == "child":
    ModelFile(path, path).reading(None)
else:
    read(open_regular(path, path), path, PathText(Path(path).parent), None, b"")
