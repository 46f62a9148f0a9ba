"""How a file is refused: a fact with the file's name and the place in it, and what to do."""

from fpcheck.errors import FpcheckError

AGAIN = "Save or download it again."
RESAVE = "Save the model again with Keras."
CUT_OFF = "became shorter while it was read"
NAME_ARCHITECTURE = (
    "Name the architecture: --model resnet50, --model FILE.keras or "
    "--model package.module:function."
)
_ANEW = "No model needs that: get the file anew from where it was made."


def damaged(where: str, why: str) -> FpcheckError:
    """The error for a file that is not what its writer wrote; `why` may come from a library."""
    return FpcheckError(f"{where}: {' '.join(why.split())[:200]}", AGAIN)


def refused(label: str, what: str, advice: str = _ANEW) -> FpcheckError:
    """The error for a file that is whole, and asks for what is not given to files."""
    return FpcheckError(f"{label}: refused: {what}", advice)
