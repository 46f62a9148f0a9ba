"""Python runs this first in every process that a unit run starts."""

import sys

from unit import Refused

sys.meta_path.insert(0, Refused)
