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
_STATIC = "Only read the file: import no framework, run nothing."
_BACKEND = "Keras backend that runs the model. (default: as Keras chooses)"
_QUIET = "Print only problems; the exit code gives the verdict."
_WEIGHTS = "imagenet|random|FILE"
_GOLDEN = "Golden to compare with, or its YAML file."
_FULL = "Run the model even where its outputs are proved."
_TOLERANCE = "Name of the difference that this comparison allows, such as float16."


def valued(metavar: str, text: str, *names: str) -> Any:
    """An option with a value, as its help shows it; named after the parameter by default."""
    return Option(*names, metavar=metavar, help=text)


Text = str | None
SourceArg = Annotated[str, Argument(metavar="SOURCE", help=_SOURCE)]
Goldens = Annotated[Path | None, valued("DIR", _GOLDENS)]
Levels = Annotated[Text, valued("LIST", _LEVELS)]
Preprocess = Annotated[Text, valued(_PREPROCESS, "How raw images become inputs.")]
Static = Annotated[bool, Option("--static", help=_STATIC)]
Backend = Annotated[str, valued("|".join(BACKENDS), _BACKEND)]
Verbose = Annotated[bool, Option("--verbose", "-v", help="Show every finding.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help=_QUIET)]
Debug = Annotated[bool, Option("--debug", help="Show the traceback of an error.")]


@dataclass(frozen=True)
class Loading:
    """How a source is loaded: the fields of `Options`."""

    weights: Annotated[str, valued(_WEIGHTS, "Weights of an application.")] = "imagenet"
    seed: Annotated[int, valued("N", "Seed for --weights random.")] = 0
    model: Annotated[Text, valued("SOURCE", "Architecture for a weights-only file.")] = None
    custom_objects: Annotated[Text, valued("MODULE", "Module of the file's custom layers.")] = None
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

    golden: Annotated[Text, valued("NAME[@VERSION]", _GOLDEN)] = None
    goldens: Goldens = None
    levels: Levels = None
    full: Annotated[bool, Option("--full", help=_FULL)] = False
    tolerance: Annotated[Text, valued("NAME", _TOLERANCE)] = None
    preprocess: Preprocess = None

    def request(self) -> "CompareRequest":
        """The same for the workflows."""
        from fpcheck.workflows.plan import CompareRequest

        return CompareRequest(**{**vars(self), "levels": split_levels(self.levels)})


@dataclass(frozen=True)
class Showing:
    """How a report is shown."""

    form: Annotated[str, valued("|".join(FORMATS), "Format of the report.", "--format")] = "text"
    output: Annotated[Path | None, valued("FILE", "Write the report to FILE.")] = None
    verbose: Verbose = False
    quiet: Quiet = False

    def __post_init__(self) -> None:
        if self.form not in FORMATS:
            allowed = f"Allowed: {', '.join(FORMATS)}."
            raise FpcheckError(f"--format {self.form}: no such format", allowed)


class Without(frozenset[str]):
    """Options of a group that a command lacks: `Annotated[Loading, Without({"static"})]`."""


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer takes it: each group of options becomes one parameter for each option."""
    groups: dict[str, tuple[type, list[str]]] = {}
    options: dict[str, tuple[Any, Any]] = {}
    for name, parameter in signature(command).parameters.items():
        kind, *more = get_args(parameter.annotation) or (parameter.annotation,)
        if not (is_dataclass(kind) and isinstance(kind, type)):
            options[name] = parameter.annotation, parameter.default
            continue
        lacking = {option for item in more if isinstance(item, Without) for option in item}
        own = {f.name: (f.type, f.default) for f in fields(kind) if f.name not in lacking}
        groups[name] = kind, [*own]
        options |= own
    options["debug"] = Debug, False  # `fpcheck.cli` reads it from the command line

    @wraps(command)
    def run(debug: bool, **given: Any) -> None:
        for name, (kind, own) in groups.items():
            given[name] = kind(**{option: given.pop(option) for option in own})
        command(**given)

    flat = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for name, (kind, default) in options.items()
    ]
    run.__signature__ = Signature(flat)  # type: ignore[attr-defined]
    run.__annotations__ = {name: kind for name, (kind, _) in options.items()}
    return run


def split_levels(levels: str | None) -> tuple[str, ...] | None:
    """`a,b` as a tuple."""
    return None if levels is None else tuple(part.strip() for part in levels.split(","))
