"""`python -m benchmarks.arguments`: every argument of every layer, and its part of the page."""

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.arguments import routes
from benchmarks.arguments.page import placed, section
from benchmarks.arguments.subjects import measured, subjects
from benchmarks.arguments.sweep import Row

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 where a change of outputs matches."""
    asked = _parser().parse_args(arguments)
    start = time.monotonic()
    names = asked.only.split(",") if asked.only else subjects()
    rows: list[Row] = []
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(asked.jobs, mp_context=spawned) as pool:
        for name, found in zip(names, pool.map(measured, names), strict=True):
            rows += found
            _say(_line(name, found))
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    output = asked.output or (None if asked.only else PAGE)
    if output is not None:
        old = output.read_text() if output.exists() else ""
        output.write_text(placed(old, section(rows)))
        _say(f"wrote {output}")
    _say(f"{time.monotonic() - start:.0f} s")
    return int(any(row.worst(routes.ROUTES) == "match" for row in rows))


def _line(name: str, rows: list[Row]) -> str:
    tried = [row for row in rows if row.tried]
    worst = {row.key: wrong for row in rows if (wrong := row.worst(routes.ROUTES))}
    shown = "; ".join(f"{key or 'itself'}: {wrong}" for key, wrong in worst.items())
    return f"{name}: {len(tried)} tried, {sum(r.matters for r in tried)} matter  {shown}"[:400]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arguments", description=__doc__)
    add = parser.add_argument
    add(
        "--only",
        metavar="CLASS,...",
        help="these classes only (ops.NAME for operations, pairs, optimizers); writes no page",
    )
    add("--output", type=Path, metavar="FILE", help="write the section there")
    add("--json", type=Path, metavar="FILE", help="write all rows there")
    add("--jobs", type=int, default=2, metavar="N", help="processes (default: %(default)s)")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
