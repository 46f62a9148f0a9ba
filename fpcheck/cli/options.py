"""Options that several commands share, written once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpcheck.backends import BACKENDS

if TYPE_CHECKING:
    from fpcheck.model.source import Options

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
        metavar="|".join(BACKENDS),
        help="Keras backend that runs the model. [default: as Keras chooses]",
    ),
]


def split_levels(levels: str | None) -> tuple[str, ...] | None:
    """`a,b` as a tuple."""
    return None if levels is None else tuple(part.strip() for part in levels.split(","))


def loading(
    weights: str,
    seed: int,
    model: str | None,
    custom_objects: str | None,
    trust: bool,
    static: bool = False,
    backend: str = "",
) -> "Options":
    """How a source is loaded, from the options that say so."""
    from fpcheck.codec import PathText
    from fpcheck.model.source import Options

    return Options(
        weights=PathText(weights),
        seed=seed,
        model=None if model is None else PathText(model),
        custom_objects=custom_objects,
        trust=trust,
        static=static,
        backend=backend,
    )
