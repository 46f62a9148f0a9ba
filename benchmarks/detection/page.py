"""Rows as docs/detection.md."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.case import FAULTS
from benchmarks.detection.running import Row
from benchmarks.detection.sensitivity import CHANGES, Sensitivity
from benchmarks.machine import machine, versions

INTRODUCTION = """\
# Detection

Written by `{command}`; not to be edited. See [benchmarks/detection](../benchmarks/detection).

The benchmark records good models of every kind. It puts each fault into each model at several
places (the first, a middle and the last layer that it fits), and compares the result with the
golden.

- A fault is **detected** if the verdict is `mismatch` or the file is refused.
- The **first diagnosis** is right if its code says what was done. If two codes say it, either
  counts.
- Its **layers** are right if it names the changed layers and no others.
- The **first divergent layer** is right if it is the first of the changed layers.

Tools: {tools}.
"""
FAULT_TABLE = """\
Each cell counts the cases with the right first diagnosis. `3` means all three cases, `1/3` one of
three. `0/3 ✗2` means that two of them were not even detected. A cell is empty if the model has no
place for the fault.
"""
SENSITIVITY = """\
The benchmark tries some tensors of each model. Weights: in how many tensors fpcheck finds one value
that was changed in its last place. Outputs: the smallest relative change of one tensor that the
outputs alone show (in a random direction, by L2 norm, in powers of ten from 1e-7), for half of the
tensors and for the least sensitive one.
"""
ESTIMATES = """\
The distance that sketches estimate, divided by the true distance, for kernels of all models that
were moved in a random direction. A report shows this distance as `relative L2`.
"""


@dataclass(frozen=True)
class Results:
    """All that was measured.

    Attributes:
        command: with which.
        rows: of faults and of benign changes.
        sensitivities: one a model.
        missing: models that could not be built, and why.
    """

    command: str
    rows: list[Row]
    sensitivities: list[Sensitivity]
    missing: dict[str, str]


def page(results: Results) -> str:
    """The whole of docs/detection.md."""
    faults = [row for row in results.rows if not row.benign]
    benign = [row for row in results.rows if row.benign]
    held = versions()
    tools = ", ".join(f"{n} {held[n]}" for n in ("fpcheck", "python", "keras", "tensorflow"))
    parts = [INTRODUCTION.format(command=results.command, tools=tools)]
    parts += [f"{name}: not measured, {why}.\n" for name, why in results.missing.items()]
    parts += ["## Totals\n", _totals(faults), "## Faults\n", FAULT_TABLE]
    parts += [_matrix(faults, _right), "## Benign changes\n", _false_alarms(benign)]
    parts += [_matrix(benign, _matching), "## What fell short\n", _short(faults)]
    if results.sensitivities:
        parts += ["## The smallest changes that are found\n", SENSITIVITY]
        parts += [_sensitivities(results.sensitivities), ESTIMATES]
        parts += [_estimates(results.sensitivities)]
    facts = [("machine", f"{machine()['processor']}, {machine()['cores']} cores"), *held.items()]
    parts += ["## Measured on\n", _table(("", ""), facts)]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _share(rows: Sequence[Row], holds: Callable[[Row], bool]) -> str:
    if not rows:
        return ""
    count = sum(holds(row) for row in rows)
    return f"{100 * count / len(rows):.1f} % ({count}/{len(rows)})"


def totals(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """The figures that count, over some rows of faults."""
    named = [row for row in rows if row.named is not None]
    divergent = [row for row in rows if row.divergent is not None]
    mentioned = [row for row in rows if row.mentioned is not None]
    return [
        ("cases", str(len(rows))),
        ("detected", _share(rows, lambda row: row.detected)),
        ("first diagnosis right", _share(rows, lambda row: row.right)),
        ("with the best code", _share(rows, lambda row: row.best)),
        ("its layers exactly", _share(named, lambda row: row.right and row.named == "exactly")),
        ("among others", _share(named, lambda row: row.right and row.named in _TOLD)),
        ("first divergent layer right", _share(divergent, lambda row: bool(row.divergent))),
        ("nearest golden named", _share(mentioned, lambda row: bool(row.mentioned))),
    ]


_TOLD = ("exactly", "among others")


def _totals(rows: Sequence[Row]) -> str:
    groups: dict[str, list[Row]] = {"all": list(rows)}
    for row in rows:
        groups.setdefault(FAULTS[row.change].group, []).append(row)
    head = ["", *(name for name, _ in totals(rows))]
    return _table(head, ([group, *(v for _, v in totals(of))] for group, of in groups.items()))


def _matrix(rows: Sequence[Row], cell: Callable[[Sequence[Row]], str]) -> str:
    models = list(dict.fromkeys(row.model for row in rows))
    cells: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[row.change][row.model].append(row)
    lines = (
        [_said_of(change), *(cell(of[model]) if model in of else "" for model in models)]
        for change, of in cells.items()
    )
    return _table(["", *models], lines)


def _said_of(change: str) -> str:
    known = FAULTS.get(change)
    if known is None:
        return f"`{change}`"
    codes = "" if known.codes[0] == "match" else f" → `{known.codes[0]}`"
    return f"`{change}` {known.says}{codes}"


def _right(rows: Sequence[Row]) -> str:
    right, detected = sum(row.right for row in rows), sum(row.detected for row in rows)
    missed = f" ✗{len(rows) - detected}" if detected < len(rows) else ""
    return f"{right}" if right == len(rows) else f"{right}/{len(rows)}{missed}"


def _matching(rows: Sequence[Row]) -> str:
    verdicts = Counter(row.verdict for row in rows)
    return ", ".join(v if v == "match" else f"**{v}**" for v in verdicts)


def _false_alarms(rows: Sequence[Row]) -> str:
    wrong = [row for row in rows if row.verdict not in ("match", "incomplete")]
    said = "; ".join(f"{row.change} of {row.model}" for row in wrong) or "none"
    return f"False alarms: {len(wrong)} of {len(rows)}: {said}.\n"


def _short(rows: Sequence[Row]) -> str:
    """What was said instead, the same of several cases on one line."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if not row.good:
            groups[row.change, _instead(row)].append(f"{row.model} {row.place}")
    if not groups:
        return "Nothing.\n"
    lines = (
        (f"`{change}`", instead, str(len(places)), ", ".join(places[:3]))
        for (change, instead), places in sorted(groups.items())
    )
    return _table(("fault", "said instead", "cases", "such as"), lines)


def _instead(row: Row) -> str:
    if not row.detected:
        return f"**{row.verdict}**"
    if not row.right:
        return f"`{row.codes[0]}`" if row.codes else "no diagnosis"
    if row.named not in (None, "exactly"):
        return {"among others": "also other layers", "partly": "not all layers"}.get(
            row.named or "", "other layers"
        )
    return "nearest golden not named" if row.mentioned is False else "other first divergent layer"


def _sensitivities(items: Sequence[Sensitivity]) -> str:
    def told(change: float) -> str:
        return f"{change:.0e}" if np.isfinite(change) else "none tried"

    rows = (
        (
            item.model,
            f"{item.last_place}/{item.tensors}",
            told(sorted(item.outputs)[len(item.outputs) // 2]),
            told(max(item.outputs)),
        )
        for item in items
    )
    return _table(("", "weights: last place", "outputs: median", "outputs: least"), rows)


def _estimates(items: Sequence[Sensitivity]) -> str:
    rows = []
    for change in CHANGES:
        ratios = np.array([ratio for item in items for ratio in item.estimates[change]])
        figures = (np.median(ratios), ratios.min(), ratios.max())
        rows.append((f"{change:.0e}", *(f"{figure:.2f}" for figure in figures)))
    return _table(("relative change", "median", "smallest", "largest"), rows)
