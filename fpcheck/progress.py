"""Telling a person what goes on, without anything below the command line printing."""

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(step: str) -> None:
    """For scripts, pipes and tests: nothing is shown."""
