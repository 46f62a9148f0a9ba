"""What a user asks, and the plan for one source; what a structure must choose is added later.

A plan joins the request, what `fpcheck.yaml` says and what the golden contains. It owns the open
file of the source, which a child begins to read.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec.structs import asdict, replace

from fpcheck.codec import PathText, Value
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.formats.model_file import Known, ModelFile, open_model_file
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import find, of_name
from fpcheck.model.applications import APPLICATIONS
from fpcheck.model.environment import environment
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.processes.limited_process import may_fork
from fpcheck.settings import ModelSettings, locate
from fpcheck.wording import given

AUTO = "auto"


class CompareRequest(Value, frozen=True, kw_only=True):
    """What a comparison is asked to do; fields as the command line's options.

    Attributes:
        golden: NAME[@VERSION] or a YAML file. None for the one that `fpcheck.yaml` names, else of
            the source's name, else the only one of its structure.
        goldens: their folder; the nearest `fingerprints/` from the working folder up if None.
        levels: those that the verdict asks for; None for all that the golden contains.
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


class RecordRequest(Value, frozen=True, kw_only=True):
    """What a recording is asked to do; fields as the command line's options.

    Attributes:
        name: of the golden; that of the source if None.
        goldens: as for `CompareRequest`.
        levels: those that are measured; None for all.
        preprocess: `auto` for that of `fpcheck.yaml`, else the version before, else the source.
        probes: how many, or a file or folder that contains them.
        data: labelled examples.
        tolerance: a row of the table, for outputs; None for what was decided before.
        note: for people.
    """

    name: str | None = None
    goldens: str | Path | None = None
    levels: tuple[str, ...] | None = None
    preprocess: str = AUTO
    probes: str | None = None
    data: str | Path | None = None
    tolerance: str | None = None
    note: str = ""


Asked = TypeVar("Asked", CompareRequest, Options)


class Choice(Value, frozen=True, eq=False):
    """A golden, and why it was chosen; `first`: what `diff` got as its first side, else empty."""

    golden: Golden
    why: str
    first: str = ""


class Plan(Value, frozen=True, eq=False):
    """How a source is opened.

    Attributes:
        given: the source as the caller gave it; of a model in memory, the model itself.
        source: the same, parsed.
        options: how it is loaded, completed by `fpcheck.yaml`.
        settings: what `fpcheck.yaml` says of it, if anything.
        file: the open file; None where the source is no file.
        known: digests of tensors that need no details; None if none need any.
        runs: whether it is sure that the model will be run, so that it is loaded at once.
        architecture_only: whether a source without weights is enough.
    """

    given: object
    source: Source
    options: Options
    settings: ModelSettings | None = None
    file: ModelFile | None = None
    known: Known = None
    runs: bool = False
    architecture_only: bool = False


class ComparePlan(Plan, frozen=True, eq=False, kw_only=True):
    """How a source is compared, by a request that `fpcheck.yaml` has completed.

    `choice` is None until the structure of the source has decided; then `preprocess` is known too.
    """

    request: CompareRequest
    choice: Choice | None = None
    preprocess: str = "none"


@contextmanager
def comparison_plan(
    source: object, request: CompareRequest, options: Options, choice: Choice | None = None
) -> Iterator[ComparePlan]:
    """How a source is compared. If the caller has chosen the golden, `fpcheck.yaml` has no say."""
    check_levels(request.levels)
    with opening_plan(source, options, configured=choice is None) as opening:
        mapped = opening.settings is not None and request.golden is None
        request = with_settings(request, opening.settings)
        choice = choice or _by_name(opening.source, request, mapped)
        levels = request.levels or (choice.golden.fingerprint.levels if choice else LEVELS)
        only = needs_architecture_only(opening, levels)
        opening = replace(opening, architecture_only=only)
        plan = ComparePlan(**asdict(opening), request=request)
        yield with_golden(plan, choice) if choice else plan


def _by_name(source: Source, request: CompareRequest, mapped: bool) -> Choice | None:
    """The golden that names decide; None where only structures do (`golden_by_structure`)."""
    if request.golden is not None:
        why = "fpcheck.yaml maps the file to it" if mapped else "named by --golden"
        return Choice(find(request.golden, request.goldens).load(), why)
    entry = of_name(source.name, request.goldens)
    return Choice(entry.load(), "the golden of the same name") if entry else None


def with_golden(plan: ComparePlan, choice: Choice) -> ComparePlan:
    """The plan once its golden is known: with what depends on that."""
    request, golden = plan.request, choice.golden
    if request.tolerance is not None:
        allowed = Tolerances(weights=request.tolerance, outputs=request.tolerance)
        golden = replace(golden, tolerances=allowed)
    recorded = golden.fingerprint
    preprocess = request.preprocess
    if preprocess is None:
        preprocess = recorded.outputs.preprocess if recorded.outputs else "none"
    elif preprocess == AUTO:
        preprocess = own_preprocess(plan)
    weights = recorded.weights
    return replace(
        plan,
        choice=replace(choice, golden=golden),
        preprocess=preprocess,
        known=None if weights is None else frozenset(m.digest for m in weights),
        runs=_will_run(golden, request, preprocess, plan.options.backend),
    )


def _will_run(golden: Golden, request: CompareRequest, preprocess: str, backend: str) -> bool:
    """Whether it is sure beforehand that outputs are asked for and cannot be proved."""
    outputs = golden.fingerprint.outputs
    if outputs is None or (request.levels is not None and "outputs" not in request.levels):
        return False
    if request.full or golden.fingerprint.structure.custom_code:
        return True
    return outputs.preprocess != preprocess or outputs.environment != environment(backend)


def check_levels(levels: Collection[str] | None) -> None:
    """Refuse an unknown level."""
    allowed = f"Allowed: {', '.join(LEVELS)}."
    if levels is not None and not levels:
        raise FpcheckError("--levels: no level named", allowed)
    for name in levels or ():
        if name not in LEVELS:
            raise FpcheckError(f"--levels {name}: no such level", allowed)


@contextmanager
def opening_plan(
    source: object, options: Options, known: Known = None, configured: bool = False
) -> Iterator[Plan]:
    """How a source is opened: as asked, completed by `fpcheck.yaml` if `configured`.

    A child begins to read a local file where it can be forked, since that costs nothing.
    """
    parsed = resolve(source)
    settings = settings_of(parsed) if configured else None
    plan = Plan(source, parsed, with_settings(options, settings), settings)
    if parsed.kind is not Kind.FILE:
        yield plan
        return
    with closing(open_model_file(parsed.target, parsed.text)) as file:
        if parsed.local and may_fork():
            file.begin(known)
        yield replace(plan, file=file, known=known)


def resolve(source: object) -> Source:
    """A source: a path, an application's name, `package.module:function`, or a `keras.Model`."""
    if isinstance(source, str | os.PathLike):
        return parse(os.fspath(source))
    name = str(getattr(source, "name", "model"))
    return Source(f"<{type(source).__name__} '{name}'>", Kind.MEMORY, PathText(name))


def needs_architecture_only(plan: Plan, levels: Collection[str]) -> bool:
    """Whether a source without weights is enough, and can be had: an application's own."""
    own = plan.source.kind is Kind.APPLICATION and plan.options.weights in ("imagenet", "random")
    return own and set(levels) == {"structure"}


def own_preprocess(plan: Plan) -> str:
    """What `auto` means: the application's own preprocessing, and none for all other sources."""
    named = plan.source
    if named.kind is Kind.FILE and plan.options.model is not None:
        named = parse(plan.options.model)
    return APPLICATIONS[named.target] if named.kind is Kind.APPLICATION else "none"


def settings_of(source: Source) -> ModelSettings | None:
    """What `fpcheck.yaml` says of a source, if anything."""
    return locate(Path.cwd()).of(Path(source.target)) if source.local else None


def with_settings(asked: Asked, settings: ModelSettings | None) -> Asked:
    """What the user asked, completed by `fpcheck.yaml` where the user said nothing."""
    told = given(settings) if settings else {}
    fields = asked.__struct_fields__
    return replace(asked, **{n: getattr(asked, n) or told[n] for n in fields if n in told})
