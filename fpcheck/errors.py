"""The one exception that users meet: a fact, where it holds, and what to do next."""

EXIT_MATCH = 0
EXIT_MISMATCH = 1
EXIT_ERROR = 2
EXIT_INCOMPLETE = 3


def as_text(text: str) -> str:
    r"""What messages, reports and goldens say of a path: lone surrogates as `\udcff`.

    In the text of a path they stand for bytes that are not UTF-8, and no encoder takes them.
    """
    return text.encode(errors="backslashreplace").decode()


class FpcheckError(Exception):
    """Input that cannot be read, is refused, or does not exist; the command line exits with 2.

    Args:
        fact: what is the case and where, in one line.
        advice: what is allowed, or the command to run next, in one line.
    """

    def __init__(self, fact: str, advice: str = "") -> None:
        fact, advice = as_text(fact), as_text(advice)  # they may name any path
        super().__init__(fact, advice)
        self.fact = fact
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.fact}\n{self.advice}" if self.advice else self.fact


class UnavailableError(FpcheckError):
    """A level that this model or this machine cannot give; comparing goes on without it."""


class NotAModelError(FpcheckError):
    """A whole file that is something else than a model, such as a data set.

    Never a damaged model, nor what stands for one (a git-lfs pointer) or is one of another kind.
    """
