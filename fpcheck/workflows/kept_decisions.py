"""What a person has decided for a golden, and what its next version therefore keeps."""

import msgspec

from fpcheck.comparison.tolerance import Tolerances, tolerances_of
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.golden import Golden
from fpcheck.settings import ModelSettings
from fpcheck.workflows.request import AUTO


def mapped_name(said: ModelSettings | None) -> str | None:
    """The golden that the configuration maps a file to, if it names one in the folder."""
    name = said.golden.partition("@")[0] if said else ""
    return name if name and not name.endswith((".yaml", ".yml")) else None


def kept_preprocess(asked: str, said: ModelSettings | None, newest: Golden | None) -> str:
    """What was decided for the golden stays decided, unless somebody says otherwise now."""
    if asked != AUTO:
        return asked
    if said is not None and said.preprocess is not None:
        return said.preprocess
    outputs = newest.fingerprint.outputs if newest else None
    return outputs.preprocess if outputs else AUTO


def kept_tolerances(golden: Golden) -> Tolerances | None:
    """The tolerances of a golden, if they are others than `record` chose."""
    usual = tolerances_of(golden.fingerprint.structure)
    return None if golden.tolerances == usual else golden.tolerances


def tolerances(structure: Structure, asked: str | None, kept: Tolerances | None) -> Tolerances:
    """As asked, else as decided for the version before, else by the arithmetic of the layers."""
    own = kept or tolerances_of(structure)
    return msgspec.structs.replace(own, outputs=asked) if asked else own
