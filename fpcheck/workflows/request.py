"""What a comparison is asked to do: by its options, the configuration, and what a golden holds."""

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from fpcheck.backends import BACKENDS
from fpcheck.codec import Value
from fpcheck.comparison.verdict import NOT_ASKED, NOT_HELD, PROVED, LevelResult
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.golden import official
from fpcheck.golden.store import Entry, shipped
from fpcheck.model.applications import APPLICATIONS
from fpcheck.model.environment import lacking
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.settings import ModelSettings, locate

AUTO = "auto"


class Request(Value, frozen=True, kw_only=True):
    """What a comparison is asked to do; fields as the command line's options.

    Attributes:
        golden: NAME[@VERSION] or a YAML file; chosen by the contract's rules if None.
        goldens: the folder of goldens.
        levels: those that the verdict asks for; None for all that the golden holds.
        full: run the model even where its outputs are proved.
        tolerance: a row of the table, for weights and outputs; None for the golden's own.
        preprocess: None for the golden's own.
    """

    golden: str | None = None
    goldens: str | Path | None = None
    levels: tuple[str, ...] | None = None
    full: bool = False
    tolerance: str | None = None
    preprocess: str | None = None


def check_levels(levels: Collection[str] | None) -> None:
    """Refuse levels that there are not."""
    if levels is not None and not levels:
        raise FpcheckError("--levels: no level named", f"Allowed: {', '.join(LEVELS)}.")
    for name in levels or ():
        if name not in LEVELS:
            raise FpcheckError(f"--levels {name}: no such level", f"Allowed: {', '.join(LEVELS)}.")


def configured(
    source: Source, request: Request, options: Options
) -> tuple[Request, Options, str | None]:
    """What the configuration says of a file, wherever the command line is silent."""
    said, options = configured_loading(source, options)
    if said is None:
        return request, options, None
    why = None if request.golden else "fpcheck.yaml maps the file to it"
    request = msgspec.structs.replace(
        request,
        golden=request.golden or said.golden,
        preprocess=request.preprocess or said.preprocess,
        tolerance=request.tolerance or said.tolerance,
    )
    return request, options, why


def configured_loading(source: Source, options: Options) -> tuple[ModelSettings | None, Options]:
    """What the configuration says of a file, if anything, and how the file is loaded then."""
    said = locate(Path.cwd()).of(Path(source.target)) if source.local else None
    if said is None:
        return None, options
    return said, msgspec.structs.replace(
        options,
        model=options.model or said.model,
        custom_objects=options.custom_objects or said.custom_objects,
        trust=options.trust or said.trust,
    )


def skipped(
    level: Level, held: Collection[Level], asked: tuple[str, ...] | None
) -> LevelResult | None:
    """How a level ends that is not looked at; None for one that is."""
    if level not in held:
        return LevelResult("skipped", NOT_HELD)
    if asked is not None and level not in asked:
        return LevelResult("skipped", NOT_ASKED)
    return None


def proving(
    recorded: dict[str, str], here: dict[str, str], static: bool
) -> tuple[dict[str, str], str]:
    """The environment for which outputs may be proved, and how that is told.

    It is the one here. Where nothing is to be run and no framework could run it, there is no other
    than the recorded one: the outputs follow there, and the reason says so.

    Args:
        recorded: the environment of the golden's outputs.
        here: the environment in which the model would be run.
        static: whether nothing is to be run.
    """
    missing = lacking(here)
    if not static or not missing:
        return here, PROVED
    names = ["keras", *BACKENDS]
    told = [f"{name} {recorded[name]}" for name in names if recorded.get(name)]
    told += [f"{recorded.get('system', '')} {recorded.get('machine', '')}".strip()]
    verb = "is" if len(missing) == 1 else "are"
    return recorded, (
        f"for the recorded environment: {', '.join(told)}; {' and '.join(missing)} {verb} not "
        "installed here"
    )


def code_notes(custom: Sequence[str], outputs: LevelResult) -> list[str]:
    """That code decides outputs too, where nothing else says so and no file holds the code.

    Args:
        custom: names of classes.
        outputs: how that level ended.
    """
    if not custom or outputs.reason not in (NOT_HELD, NOT_ASKED):
        return []
    shown = ", ".join(custom[:3]) + (", …" if len(custom) > 3 else "")
    return [f"not compared: the code of {shown}, which no model file contains"]


def asked_preprocess(
    source: Source, recorded: str | None, request: Request, options: Options
) -> str:
    """The preprocessing to use: as asked, else as recorded with the golden's outputs."""
    if request.preprocess is None:
        return recorded or "none"
    if request.preprocess == AUTO:
        return own_preprocess(source, options)
    return request.preprocess


def own_preprocess(source: Source, options: Options) -> str:
    """What `auto` means: the application's own preprocessing, and none for all other sources."""
    named = source
    if source.kind is Kind.FILE and options.model is not None:
        named = parse(options.model)
    return APPLICATIONS[named.target] if named.kind is Kind.APPLICATION else "none"


def official_notes(source: Source, entry: Entry) -> list[str]:
    """Whether a file is one of Keras's own, where its name or its golden suggests the question."""
    path = Path(source.target)
    bundled = entry.path.is_relative_to(shipped().folder)
    if not source.local or not (bundled or path.name in official.official_files()):
        return []
    return [official.recognise(path) or "It is none of Keras's official weight files."]
