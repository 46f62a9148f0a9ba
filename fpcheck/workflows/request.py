"""What a user asks a comparison or a recording to do: the options of the command line."""

from collections.abc import Collection
from pathlib import Path

from fpcheck.codec import Value
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.levels import LEVELS

AUTO = "auto"


class CompareRequest(Value, frozen=True, kw_only=True):
    """What a comparison is asked to do; fields as the command line's options.

    Attributes:
        golden: NAME[@VERSION] or a YAML file; chosen by the contract's rules if None.
        goldens: the folder of goldens.
        levels: those that the verdict asks for; None for all that the golden contains.
        full: run the model even where its outputs are proved.
        tolerance: a row of the table, for weights and outputs; None for the golden's own.
        preprocess: None for the golden's own.
    """

    golden: str | None = None
    goldens: str | Path | None = None
    levels: tuple[str, ...] | None = None
    full: bool = False
    tolerance: str | None = None
    preprocess: str | None = None


class RecordRequest(Value, frozen=True, kw_only=True):
    """What a recording is asked to do; fields as the command line's options.

    Attributes:
        name: of the golden; that of the source if None.
        goldens: the folder of goldens.
        levels: those that are measured; None for all.
        preprocess: how raw images become inputs.
        probes: how many, or a file or folder that contains them.
        data: labelled examples.
        tolerance: a row of the table, for outputs; None for what was decided before.
        note: for people.
    """

    name: str | None = None
    goldens: str | Path | None = None
    levels: tuple[str, ...] | None = None
    preprocess: str = AUTO
    probes: str | None = None
    data: str | Path | None = None
    tolerance: str | None = None
    note: str = ""


def check_levels(levels: Collection[str] | None) -> None:
    """Refuse an unknown level."""
    if levels is not None and not levels:
        raise FpcheckError("--levels: no level named", f"Allowed: {', '.join(LEVELS)}.")
    for name in levels or ():
        if name not in LEVELS:
            raise FpcheckError(f"--levels {name}: no such level", f"Allowed: {', '.join(LEVELS)}.")
