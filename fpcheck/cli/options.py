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

from typer import Argument, Option

from fpcheck.backends import BACKENDS
from fpcheck.errors import FpcheckError
from fpcheck.report import FOR_PROGRAMS

if TYPE_CHECKING:
    from fpcheck.model.source import Options
    from fpcheck.workflows.plan import CompareRequest

FORMATS = ("text", *FOR_PROGRAMS)
_SOURCE = "A file, an application's name, or module:function."
_GOLDENS = "Folder of goldens. (default: the nearest fingerprints/)"
_LEVELS = "Levels to compare: structure,weights,outputs. (default: all)"
_PREPROCESS = "auto|none|caffe|tf|torch|MODULE:FUNCTION"
_TOLERANCE = "Name of an allowed difference, such as float16."
_STATIC = "Only read the file: import no framework, run nothing."
_BACKEND = "Keras backend that runs the model. (default: as Keras chooses)"

Text = str | None
SourceArg = Annotated[str, Argument(metavar="SOURCE", help=_SOURCE)]
Goldens = Annotated[Path | None, Option(metavar="DIR", help=_GOLDENS)]
Levels = Annotated[Text, Option(metavar="LIST", help=_LEVELS)]
Preprocess = Annotated[Text, Option(metavar=_PREPROCESS, help="How raw images become inputs.")]
Tolerance = Annotated[Text, Option(metavar="NAME", help=_TOLERANCE)]
Static = Annotated[bool, Option("--static", help=_STATIC)]
Backend = Annotated[str, Option(metavar="|".join(BACKENDS), help=_BACKEND)]
Verbose = Annotated[bool, Option("--verbose", "-v", help="Show every finding.")]
Quiet = Annotated[
    bool, Option("--quiet", "-q", help="Print only problems; the exit code gives the verdict.")
]
Debug = Annotated[bool, Option("--debug", help="Show the traceback of an error.")]


@dataclass(frozen=True)
class Loading:
    """How a source is loaded: the fields of `Options`."""

    weights: Annotated[
        str, Option(metavar="imagenet|random|FILE", help="Weights of an application.")
    ] = "imagenet"
    seed: Annotated[int, Option(metavar="N", help="Seed for --weights random.")] = 0
    model: Annotated[
        Text, Option("--model", metavar="SOURCE", help="Architecture for a weights-only file.")
    ] = None
    custom_objects: Annotated[
        Text, Option(metavar="MODULE", help="Module of the file's custom layers.")
    ] = None
    trust: Annotated[bool, Option("--trust", help="Allow code stored in the model file.")] = False
    static: Static = False
    backend: Backend = ""

    def options(self) -> "Options":
        """The same for the workflows."""
        from fpcheck.model.source import Options

        return Options(**vars(self))


@dataclass(frozen=True)
class Comparing:
    """What is compared with which golden: the fields of `CompareRequest`."""

    golden: Annotated[
        Text,
        Option(
            "--golden", metavar="NAME[@VERSION]", help="Golden to compare with, or its YAML file."
        ),
    ] = None
    goldens: Goldens = None
    levels: Levels = None
    full: Annotated[
        bool, Option("--full", help="Run the model even where its outputs are proved.")
    ] = False
    tolerance: Tolerance = None
    preprocess: Preprocess = None

    def request(self) -> "CompareRequest":
        """The same for the workflows."""
        from fpcheck.workflows.plan import CompareRequest

        return CompareRequest(**{**vars(self), "levels": split_levels(self.levels)})


@dataclass(frozen=True)
class Showing:
    """How a report is shown."""

    form: Annotated[
        str, Option("--format", metavar="|".join(FORMATS), help="Format of the report.")
    ] = "text"
    output: Annotated[Path | None, Option(metavar="FILE", help="Write the report to FILE.")] = None
    verbose: Verbose = False
    quiet: Quiet = False

    def __post_init__(self) -> None:
        if self.form not in FORMATS:
            allowed = f"Allowed: {', '.join(FORMATS)}."
            raise FpcheckError(f"--format {self.form}: no such format", allowed)


class Without(frozenset[str]):
    """Options of a group that a command lacks: `Annotated[Loading, Without({"static"})]`."""


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


def _group(annotation: Any) -> tuple[type | None, frozenset[str]]:
    """The group that a parameter stands for, if any, and the names of options that it lacks."""
    kind, *more = get_args(annotation) or (annotation,)
    without = next((item for item in more if isinstance(item, Without)), Without())
    return (kind, without) if is_dataclass(kind) and isinstance(kind, type) else (None, without)


def split_levels(levels: str | None) -> tuple[str, ...] | None:
    """`a,b` as a tuple."""
    return None if levels is None else tuple(part.strip() for part in levels.split(","))
