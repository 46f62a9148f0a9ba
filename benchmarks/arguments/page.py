"""Rows as a section of docs/detection.md, before the one on the machine."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import keras

from benchmarks.arguments import operations
from benchmarks.arguments.recipes import NOT_TRIED, classes
from benchmarks.arguments.routes import ROUTES
from benchmarks.arguments.sweep import Row

HEADING = "## Every layer, every argument"
NEXT = "## Measured on"
INTRODUCTION = """\
Written by `python -m benchmarks.arguments` with Keras {version}; not to be edited.

The benchmark puts every layer class that Keras exports into a small model. It then changes each key
of its configuration, each other argument of its constructor and each flag of its call, with as many
values as the layer accepts. It does the same with each argument of an operation (`keras.ops`) that
a functional model can record. Both models have equal weights and run on the same inputs. If their
outputs differ by more than the tolerance (max |difference| / RMS > 1e-4), the change **matters**.
The second model is then compared with the golden of the first: live, and with `--static` as a
`.keras` file, a legacy `.h5` file and a `.weights.h5` file with `--model`. Goldens are recorded
from the live model, and from a file of the same kind.

- **found**: every comparison says `mismatch`. **named**: a finding also names the argument.
- **not compared**: a comparison says `incomplete` or refuses the file, and none says `match`.
- **false match**: a comparison says `match`.

A file that does not contain the change (Keras loads equal models from both files) does not count.
An argument is **untried** if no other value works. **Alarms** are comparisons in which the model
itself is a mismatch or is refused.
"""
PAIRS = """\
Two models that differ in something that no single argument sets: carried state, adapted state, maps
of dtype policies, and parts of a graph that are not layers.
"""
HEAD = (
    "",
    "tried",
    "untried",
    "matter",
    "live: found",
    "named",
    "files: found",
    "named",
    "not compared",
    "false match",
    "alarms",
)
FILES = ROUTES[1:]
PAIRED = ("first", "second")


def placed(text: str, section: str) -> str:
    """A page with this section in place of the one that it had."""
    before, heading, rest = text.partition(HEADING)
    if heading:
        _, following, rest = rest.partition(NEXT)
    else:
        before, following, rest = text.partition(NEXT)
    return f"{before.rstrip()}\n\n{section}\n{following}{rest}".lstrip()


def kept(text: str) -> str:
    """The section that a page has; empty if it has none."""
    _, heading, rest = text.partition(HEADING)
    return f"{heading}{rest.partition(NEXT)[0].rstrip()}\n" if heading else ""


def section(rows: Sequence[Row]) -> str:
    """The whole section."""
    paired = [row for row in rows if (row.old, row.new) == PAIRED]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_group(row)].append(row)
    lines = [_counts("all", rows), *(_counts(name, groups[name]) for name in sorted(groups))]
    left_out = "; ".join(f"`{name}` {why}" for name, why in NOT_TRIED.items())
    return "\n".join(
        [
            HEADING + "\n",
            INTRODUCTION.format(version=keras.__version__),
            _table(HEAD, lines),
            f"Layers that are not tried: {left_out}.\n",
            _unsuited(rows),
            "### Pairs of models\n",
            PAIRS,
            _table(("", "differs", *ROUTES), map(_pair, paired)),
            "### Arguments that fell short\n",
            _short(rows),
        ]
    )


def _unsuited(rows: Iterable[Row]) -> str:
    """Classes of which no row tells, since none of the inputs that were guessed suits them."""
    tried = {row.kind for row in rows}
    own = [f"ops.{name}" for name in operations.classes()]
    lacking = [name for name in (*classes(), *own) if name not in {*tried, *NOT_TRIED}]
    count = sum(name in tried for name in own)
    shown = ", ".join(f"`{name}`" for name in lacking) or "none"
    return f"Operations: {count} classes are tried. Not tried, for want of inputs: {shown}.\n"


def _group(row: Row) -> str:
    if row.kind == "pairs" or (row.old, row.new) == PAIRED:
        return "pairs of models"
    return "operations" if row.kind.startswith("ops.") else f"`{row.kind}`"


def _counts(name: str, rows: Iterable[Row]) -> list[str]:
    rows = list(rows)
    tried = [row for row in rows if row.tried]
    untried = {(row.kind, row.label, row.key) for row in rows if row.key and not row.tried}
    matter = [row for row in tried if row.matters]
    live, files = ([row.worst(routes) for row in matter] for routes in (("live",), FILES))
    both = [row.worst(ROUTES) for row in matter]
    alarms = sum(bool(row.worst(ROUTES)) for row in rows if not row.matters)
    counts = [len(tried), len(untried), len(matter)]
    for worst in (live, files):
        counts += [sum(wrong in ("", "unnamed") for wrong in worst), worst.count("")]
    unsure = sum(wrong in ("incomplete", "refused") for wrong in both)
    return [name, *(str(count or "") for count in (*counts, unsure, both.count("match"), alarms))]


def _pair(row: Row) -> list[str]:
    differs = "" if row.matters else " (not on these inputs)"
    cells = [f"`{row.kind}` {row.label}", f"{row.apart:.2g}{differs}"]
    for route in ROUTES:
        said = row.said.get(route)
        wrong = row.wrong(route)
        shown = "" if said is None else "not in the file" if route in row.kept else said.verdict
        cells.append(f"**{shown}**" if wrong == "match" else shown)
    return cells


def _short(rows: Sequence[Row]) -> str:
    """What was said of each argument that was not found and named, the same on one line."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for row in rows:
        for wrong in {row.wrong(route) for route in ROUTES} - {""}:
            where = ", ".join(route for route in ROUTES if row.wrong(route) == wrong)
            found[f"`{row.kind}`", f"`{row.key}`" if row.key else "itself", wrong, where] += 1
    if not found:
        return "None.\n"
    lines = ([*key[:2], WRONG[key[2]], key[3], str(count)] for key, count in found.items())
    return _table(("", "argument", "said", "where", "values"), lines)


WRONG = {
    "match": "**match**",
    "alarm": "mismatch, and outputs are equal",
    "refused": "refused",
    "incomplete": "incomplete",
    "unnamed": "mismatch that does not name it",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
