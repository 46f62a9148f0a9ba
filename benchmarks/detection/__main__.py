"""`python -m benchmarks.detection`: every fault and benign change, and docs/detection.md."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.detection import (  # noqa: F401  # they make faults known
    behaviour,
    configs,
    files,
    graphs,
    layout,
    loading,
    training,
    values,
)
from benchmarks.detection.case import FAULTS, Fault
from benchmarks.detection.models import SPECS, NotInstalledError
from benchmarks.detection.running import Bench, Row, timed

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 whatever is found: this measures, it does not judge."""
    asked = _parser().parse_args(arguments)
    work = asked.work or Path(tempfile.mkdtemp(prefix="fpcheck-detection-"))
    missing: dict[str, str] = {}
    rows: list[Row] = []
    try:
        bench = Bench(work, _say)
        for name in asked.only or list(SPECS):
            start = time.monotonic()
            try:
                rows += _of_model(bench, name, asked.fault or list(FAULTS.values()), asked.verbose)
            except NotInstalledError as error:
                missing[name] = str(error)
            timed(_say, name, start)
    finally:
        if asked.work is None:
            shutil.rmtree(work, ignore_errors=True)
    if asked.json:
        asked.json.write_text(json.dumps([row.plain() for row in rows], indent=1))
    return 0


def _of_model(bench: Bench, name: str, faults: list[Fault], verbose: bool) -> list[Row]:
    subject = bench.subject(name, SPECS[name])
    found = []
    for fault in faults:
        for row in bench.rows(subject, fault):
            found.append(row)
            if verbose or not (row.detected and row.right and row.named in (None, "exactly")):
                _say(
                    f"  {row.change} {row.place}: {row.verdict} {row.codes} {row.layers} "
                    f"for {row.expected} {row.expected_layers}; {row.summary}"
                )
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    add = parser.add_argument
    add("--only", type=_models, metavar="MODEL,...", help="these models only")
    add("--fault", type=_faults, metavar="FAULT,...", help="these faults only")
    add("--work", type=Path, metavar="DIR", help="keep goldens below DIR, and use them again")
    add("--output", type=Path, metavar="FILE", help="write the page there")
    add("--json", type=Path, metavar="FILE", help="write all rows there")
    add("--verbose", action="store_true", help="show every row, not only those that fall short")
    return parser


def _models(text: str) -> list[str]:
    return _known(text, list(SPECS))


def _faults(text: str) -> list[Fault]:
    return [FAULTS[name] for name in _known(text, list(FAULTS))]


def _known(text: str, names: list[str]) -> list[str]:
    unknown = [name for name in text.split(",") if name not in names]
    if unknown:
        raise argparse.ArgumentTypeError(f"no {unknown[0]}; there are {', '.join(names)}")
    return text.split(",")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
