"""Options that several commands share, written once.

A group of options is one parameter of a command: `loading: opt.Loading`. `expanded` makes of it one
parameter for each field, as typer needs them.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from fpcheck.errors import FpcheckError

if TYPE_CHECKING:
    from fpcheck.model.source import Options
    from fpcheck.workflows.request import CompareRequest

FORMATS = ("text", "json")

SourceArg = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A file, an application's name, or module:function.")
]
Goldens = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of goldens. [default: the nearest fingerprints/]"),
]
GoldenOption = Annotated[
    str | None,
    typer.Option(
        "--golden", metavar="NAME[@VERSION]", help="Golden to compare with, or its YAML file."
    ),
]
Levels = Annotated[
    str | None,
    typer.Option(
        metavar="LIST", help="Levels to compare: structure,weights,outputs. [default: all]"
    ),
]
Full = Annotated[
    bool,
    typer.Option("--full", help="Run the model even where its outputs are proved."),
]
Format = Annotated[str, typer.Option("--format", metavar="text|json", help="Format of the report.")]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there.")]
Trust = Annotated[bool, typer.Option("--trust", help="Allow code stored in the model file.")]
CustomObjects = Annotated[
    str | None, typer.Option(metavar="MODULE", help="Module of the file's custom layers.")
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="SOURCE", help="Architecture for a weights-only file."),
]
Weights = Annotated[
    str, typer.Option(metavar="imagenet|random|FILE", help="Weights of an application.")
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed for --weights random.")]
Probes = Annotated[
    str | None, typer.Option(metavar="N|FILE|DIR", help="How many probes, or the probes.")
]
Preprocess = Annotated[
    str | None,
    typer.Option(
        metavar="auto|none|caffe|tf|torch|MODULE:FUNCTION", help="How raw images become inputs."
    ),
]
Data = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Labelled examples: .npz, or a folder a class.")
]
Tolerance = Annotated[
    str | None, typer.Option(metavar="NAME", help="Row of the tolerance table, such as float16.")
]
Note = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help="Why this model is good. On an unchanged model: updates the newest version.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the verdict, or nothing.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error arose.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every finding.")]
Static = Annotated[
    bool, typer.Option("--static", help="Read the file only: no framework, nothing is run.")
]
Backend = Annotated[
    str,
    typer.Option(
        metavar="tensorflow|jax|torch",
        help="Keras backend that runs the model. [default: as Keras chooses]",
    ),
]


@dataclass(frozen=True)
class Loading:
    """How a source is loaded."""

    weights: Weights = "imagenet"
    seed: Seed = 0
    model: ModelOption = None
    custom_objects: CustomObjects = None
    trust: Trust = False
    static: Static = False
    backend: Backend = ""

    def options(self) -> "Options":
        """The same for the workflows."""
        from fpcheck.model.source import Options

        return Options(**vars(self))


@dataclass(frozen=True)
class Comparing:
    """What is compared with which golden."""

    golden: GoldenOption = None
    goldens: Goldens = None
    levels: Levels = None
    full: Full = False
    tolerance: Tolerance = None
    preprocess: Preprocess = None

    def request(self) -> "CompareRequest":
        """The same for the workflows."""
        from fpcheck.workflows.request import CompareRequest

        return CompareRequest(**{**vars(self), "levels": split_levels(self.levels)})


@dataclass(frozen=True)
class Showing:
    """How a report is shown."""

    form: Format = "text"
    output: Output = None
    verbose: Verbose = False
    quiet: Quiet = False

    def __post_init__(self) -> None:
        if self.form not in FORMATS:
            allowed = f"Allowed: {', '.join(FORMATS)}."
            raise FpcheckError(f"--format {self.form}: no such format", allowed)


@dataclass(frozen=True)
class Without:
    """Options of a group that a command does not have: `Annotated[Loading, Without("static")]`."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer takes it: each group of options becomes one parameter for each option.

    Every command also has `--debug`, which `fpcheck.cli` reads from the command line.
    """
    groups: dict[str, tuple[type, list[Parameter]]] = {}
    flat: list[Parameter] = []
    for parameter in signature(command).parameters.values():
        kind, without = _group(parameter.annotation)
        if kind is None:
            flat.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
            continue
        own = [
            Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type)
            for f in fields(kind)
            if f.name not in without
        ]
        groups[parameter.name] = kind, own
        flat += own
    flat.append(Parameter("debug", Parameter.KEYWORD_ONLY, default=False, annotation=Debug))

    @wraps(command)
    def run(**given: Any) -> None:
        del given["debug"]
        for name, (kind, own) in groups.items():
            given[name] = kind(**{option.name: given.pop(option.name) for option in own})
        command(**given)

    run.__signature__ = Signature(flat)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


def _group(annotation: Any) -> tuple[type | None, tuple[str, ...]]:
    """The group that a parameter stands for, if any, and the names of options that it lacks."""
    kind, *more = get_args(annotation) or (annotation,)
    without = next((item.names for item in more if isinstance(item, Without)), ())
    return (kind, without) if is_dataclass(kind) and isinstance(kind, type) else (None, ())


def split_levels(levels: str | None) -> tuple[str, ...] | None:
    """`a,b` as a tuple."""
    return None if levels is None else tuple(part.strip() for part in levels.split(","))
