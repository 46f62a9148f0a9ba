"""Progress for a person: only the command line prints, and all else calls a function."""

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(step: str) -> None:
    """For scripts, pipes and tests: nothing is shown."""
