"""How a file is refused: a fact with the file's name and the place in it, and what to do."""

from fpcheck.errors import FpcheckError

AGAIN = "Save or download it again."
RESAVE = "Save the model again with Keras."
CUT_OFF = "became shorter while it was read"
_ANEW = "No model needs that: get the file anew from where it was made."


def damaged(where: str, why: str) -> FpcheckError:
    """It is not what its writer wrote; `why` may come from a library."""
    return FpcheckError(f"{where}: {' '.join(why.split())[:200]}", AGAIN)


def refused(label: str, what: str, advice: str = _ANEW) -> FpcheckError:
    """It is whole, and asks for what is not given to files."""
    return FpcheckError(f"{label}: refused: {what}", advice)
