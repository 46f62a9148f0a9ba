"""Files that break loaders, each a small change of a sound one; none needs Keras to be made.

`ATTACKS` must be refused, `BENIGN` accepted, `TOLERATED` and `FLIPPED` one or the other. Keys are
file names. `refusals.txt` has the words of each refusal; `reading.py` reads files as commands do.
A payload that is run leaves `*.EXECUTED` in the folder.
"""

import importlib

from attacks.register import ATTACKS, BENIGN, FLIPPED, TOLERATED
from attacks.valid import Attack, marker, neighbour

for _module in (
    "benign",
    "hdf5",
    "sizes",
    "names",
    "configs",
    "archives",
    "headers",
    "sharded",
    "others",
):
    importlib.import_module(f"attacks.{_module}")

__all__ = ["ATTACKS", "BENIGN", "FLIPPED", "TOLERATED", "Attack", "marker", "neighbour"]
