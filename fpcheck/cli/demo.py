"""`fpcheck demo`: the whole story, offline, on the bundled trained model."""

from fpcheck.cli import options as opt
from fpcheck.cli.console import progress, put
from fpcheck.demo.story import run


def demo(quiet: opt.Quiet = False) -> None:
    """Record the bundled model, then compare a true copy and copies with real faults."""
    with progress(quiet) as step:
        run(put, step)
