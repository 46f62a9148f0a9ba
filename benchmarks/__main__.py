"""`python -m benchmarks`: measures every row and writes docs/performance.md."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.rendering import Result, line, page
from benchmarks.rows import ROWS, Row
from benchmarks.timing import CommandFailedError
from benchmarks.workbench import NotMeasuredError, Workbench

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
DEFAULT_REPEAT = 5
HELD, EXCEEDED, BROKEN = range(3)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 where every limit holds, 1 where one does not, 2 where a command failed."""
    asked = _parser().parse_args(arguments)
    folder = _folder(asked.work)
    try:
        bench = Workbench(folder, asked.repeat, _say)
        results = [_result(row, bench) for row in asked.only or ROWS]
    except CommandFailedError as error:
        _say(f"error: {error}")
        return BROKEN
    finally:
        if asked.keep:
            _say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if asked.only is None or asked.output != PAGE:
        command = f"python -m benchmarks --repeat {asked.repeat}"
        if asked.only:
            command += f" --only {','.join(row.number for row in asked.only)}"
        asked.output.write_text(page(results, command, asked.repeat))
        _say(f"wrote {asked.output}")
    return EXCEEDED if any(result.exceeded for result in results) else HELD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--repeat", type=_count, default=DEFAULT_REPEAT, metavar="N", help="runs of each command")
    add("--only", type=_rows, metavar="ROW,...", help="measure these, and write no page")
    add("--work", type=Path, metavar="DIR", help="make models below DIR, not the system's own")
    add("--keep", action="store_true", help="keep them, for another run with the same --work")
    add("--output", type=Path, default=PAGE, metavar="FILE", help="write the page there")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return int(text)


def _rows(text: str) -> list[Row]:
    known = {row.number: row for row in ROWS}
    unknown = [number for number in text.split(",") if number not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no row {unknown[0]}; there are {', '.join(known)}")
    return [known[number] for number in text.split(",")]


def _folder(work: Path | None) -> Path:
    """A folder of this program's own, so that it may be removed."""
    if work is None:
        return Path(tempfile.mkdtemp(prefix="fpcheck-benchmarks-"))
    return work.resolve() / "fpcheck-benchmarks"


def _result(row: Row, bench: Workbench) -> Result:
    _say(f"{row.number}: {row.ours} against {row.theirs}")
    try:
        result = Result(row, row.measure(bench))
    except NotMeasuredError as error:
        result = Result(row, str(error))
    _say(line(result))
    return result


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
