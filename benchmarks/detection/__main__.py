"""`python -m benchmarks.detection`: every fault and benign change, and docs/detection.md."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.arguments.page import kept, placed
from benchmarks.detection import (  # noqa: F401  # they make faults known
    behaviour,
    benign,
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
from benchmarks.detection.page import Results, page, totals
from benchmarks.detection.running import Bench, Row
from benchmarks.detection.sensitivity import rounding, sensitivity

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 whatever is found: this measures, it does not judge."""
    asked = _parser().parse_args(arguments)
    warnings.filterwarnings("ignore", module="keras")
    work = asked.work or Path(tempfile.mkdtemp(prefix="fpcheck-detection-"))
    bench = Bench(work, _say)
    try:
        results = _results(bench, asked)
    finally:
        bench.close()
        if asked.work is None:
            shutil.rmtree(work, ignore_errors=True)
    for name, value in totals([row for row in results.rows if not row.benign]):
        _say(f"{name:>28}  {value}")
    output = asked.output or (PAGE if asked.only is asked.fault is None else None)
    if output is not None:
        before = output.read_text() if output.exists() else ""
        text = page(results)
        output.write_text(placed(text, kept(before)) if kept(before) else text)
        _say(f"wrote {output}")
    return 0


def _results(bench: Bench, asked: argparse.Namespace) -> Results:
    results = Results("python -m benchmarks.detection", [], [], {})
    for name in asked.only or SPECS:
        start = time.monotonic()
        try:
            _measure(bench, name, asked, results)
        except NotInstalledError as error:
            results.missing[name] = str(error)
            _say(f"{name}: {error}")
        if asked.json:  # after each model, so that a run cut short leaves something
            asked.json.write_text(json.dumps([row.plain() for row in results.rows], indent=1))
        # For whoever waits; the page holds no times.
        _say(f"{name}: {time.monotonic() - start:.0f} s")
    return results


def _measure(bench: Bench, name: str, asked: argparse.Namespace, results: Results) -> None:
    subject = bench.subject(name, SPECS[name])
    for fault in asked.fault or FAULTS.values():
        for row in bench.rows(subject, fault):
            results.rows.append(row)
            if asked.verbose or not row.good:
                _say(_line(row))
    if asked.fault is None:
        results.rows.extend(rounding(bench, subject))
        results.sensitivities.append(sensitivity(bench, subject, subject.rng))


def _line(row: Row) -> str:
    said = ", ".join(row.codes) or "nothing"
    where = f" in {', '.join(row.layers[:4])}" if row.layers else ""
    wanted = f"{' or '.join(row.expected)} in {', '.join((row.expected_layers or ('-',))[:4])}"
    diverges = "" if row.divergent is not False else f"; first divergent {row.first_divergent}"
    return (
        f"  {row.change} [{row.model} {row.place}] {row.verdict}: {said}{where}; "
        f"wanted {wanted}{diverges}; {row.summary[:200]}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    add = parser.add_argument
    add("--only", type=_models, metavar="MODEL,...", help="these models only; writes no page")
    add("--fault", type=_faults, metavar="FAULT,...", help="these faults, or groups, only")
    add("--work", type=Path, metavar="DIR", help="keep goldens below DIR, and use them again")
    add("--output", type=Path, metavar="FILE", help="write the page there")
    add("--json", type=Path, metavar="FILE", help="write all rows there")
    add("--verbose", action="store_true", help="show every row, not only those that fall short")
    return parser


def _models(text: str) -> list[str]:
    for name in text.split(","):
        _check(name, SPECS)
    return text.split(",")


def _faults(text: str) -> list[Fault]:
    """Faults by name, by group, or by a code that is expected of them."""
    found: list[Fault] = []
    for name in text.split(","):
        wanted = [f for f in FAULTS.values() if name in (f.name, f.group, f.codes[0])]
        if not wanted:
            _check(name, FAULTS)
        found += wanted
    return found


def _check(name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise argparse.ArgumentTypeError(f"no {name}; there are {', '.join(known)}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
