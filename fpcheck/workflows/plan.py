"""The plan for one source: worked out once, before the model is loaded.

A plan joins what the user asked, what `fpcheck.yaml` says and what the golden contains.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from fpcheck.codec import PathText, Value
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.formats.model_file import Known, ModelFile, open_model_file
from fpcheck.golden.golden import Golden
from fpcheck.model.applications import APPLICATIONS
from fpcheck.model.environment import environment
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.processes.limited_process import may_fork
from fpcheck.settings import ModelSettings, locate
from fpcheck.wording import given
from fpcheck.workflows.golden_lookup import Choice, by_name
from fpcheck.workflows.request import AUTO, CompareRequest, check_levels

Asked = TypeVar("Asked", CompareRequest, Options)


class Plan(Value, frozen=True, eq=False, kw_only=True):
    """How a source is opened.

    Attributes:
        given: the source as the caller gave it; of a model in memory, the model itself.
        source: the same, parsed.
        options: how it is loaded.
        file: the open file; None where the source is no file.
        known: digests of tensors that need no details; None if none need any.
        runs: whether it is sure that the model will be run, so that it is loaded at once.
        bare: whether a source without weights is enough.
        parts: whether a file may contain a part of the architecture's weights.
    """

    given: object
    source: Source
    options: Options
    file: ModelFile | None = None
    known: Known = None
    runs: bool = False
    bare: bool = False
    parts: bool = False


class ComparePlan(Plan, frozen=True, eq=False, kw_only=True):
    """How a source is compared.

    Attributes:
        request: what was asked, completed by `fpcheck.yaml`.
        choice: the golden; None until the structure of the source has decided.
        preprocess: how raw images become inputs, once the golden is known.
    """

    request: CompareRequest
    choice: Choice | None = None
    preprocess: str = "none"

    @property
    def golden(self) -> Golden:
        """The golden, which must have been chosen."""
        assert self.choice is not None
        return self.choice.golden


@contextmanager
def comparison_plan(
    source: object, request: CompareRequest, options: Options, choice: Choice | None = None
) -> Iterator[ComparePlan]:
    """How a source is compared. Its file is open, and being read, as long as this context.

    Args:
        source: as given.
        request: what was asked.
        options: how the source is loaded.
        choice: the golden, if the caller has one. Then `fpcheck.yaml` has no say.

    Raises:
        FpcheckError: no such source, level or golden.
    """
    check_levels(request.levels)
    parsed = resolve(source)
    said = None if choice else settings_of(parsed)
    mapped = said is not None and request.golden is None
    request, options = completed(request, said), completed(options, said)
    with file_of(parsed) as file:
        choice = choice or by_name(parsed, request.golden, request.goldens)
        plan = ComparePlan(
            given=source,
            source=parsed,
            options=options,
            file=file,
            bare=_is_bare(parsed, options, request, None),
            parts=True,
            request=request,
        )
        if choice and mapped:
            choice = replace(choice, why="fpcheck.yaml maps the file to it")
        yield with_golden(plan, choice) if choice else plan


def with_golden(plan: ComparePlan, choice: Choice) -> ComparePlan:
    """The plan once its golden is known: with what depends on that."""
    request, golden = plan.request, choice.golden
    if request.tolerance is not None:
        allowed = Tolerances(weights=request.tolerance, outputs=request.tolerance)
        golden = replace(golden, tolerances=allowed)
    outputs, weights = golden.fingerprint.outputs, golden.fingerprint.weights
    preprocess = request.preprocess
    if preprocess is None:
        preprocess = outputs.preprocess if outputs else "none"
    elif preprocess == AUTO:
        preprocess = own_preprocess(plan.source, plan.options)
    return replace(
        plan,
        choice=replace(choice, golden=golden),
        preprocess=preprocess,
        known=None if weights is None else frozenset(m.digest for m in weights),
        runs=_will_run(golden, request, preprocess, plan.options.backend),
        bare=_is_bare(plan.source, plan.options, request, golden),
    )


def _will_run(golden: Golden, request: CompareRequest, preprocess: str, backend: str) -> bool:
    """Whether it is sure beforehand that outputs are asked for and cannot be proved."""
    outputs = golden.fingerprint.outputs
    if outputs is None or (request.levels is not None and "outputs" not in request.levels):
        return False
    if request.full or golden.fingerprint.structure.custom_code:
        return True
    return outputs.preprocess != preprocess or outputs.environment != environment(backend)


def _is_bare(
    source: Source, options: Options, request: CompareRequest, golden: Golden | None
) -> bool:
    levels = request.levels or (golden.fingerprint.levels if golden else LEVELS)
    return set(levels) == {"structure"} and can_be_bare(source, options)


def can_be_bare(source: Source, options: Options) -> bool:
    """Whether the structure can be had without weights: an application and no file of weights."""
    return source.kind is Kind.APPLICATION and options.weights in ("imagenet", "random")


def resolve(source: object) -> Source:
    """A source as given through the API or the command line.

    Args:
        source: a name, a path, `package.module:function`, or a `keras.Model`.
    """
    if isinstance(source, str | os.PathLike):
        return parse(os.fspath(source))
    name = str(getattr(source, "name", "model"))
    return Source(f"<{type(source).__name__} '{name}'>", Kind.MEMORY, PathText(name))


@contextmanager
def file_of(source: Source, known: Known = None) -> Iterator[ModelFile | None]:
    """The open file of a source; None where it is no file.

    A child begins to read a local file where it can be forked, since that costs nothing.
    """
    if source.kind is not Kind.FILE:
        yield None
        return
    with closing(open_model_file(source.target, source.text)) as file:
        if source.local and may_fork():
            file.begin(known)
        yield file


def settings_of(source: Source) -> ModelSettings | None:
    """What `fpcheck.yaml` says of a source, if anything."""
    return locate(Path.cwd()).of(Path(source.target)) if source.local else None


def completed(asked: Asked, said: ModelSettings | None) -> Asked:
    """What the user asked, completed by `fpcheck.yaml` where the user said nothing."""
    fields = asked.__struct_fields__
    told = {name: value for name, value in given(said).items() if name in fields} if said else {}
    return replace(asked, **{name: getattr(asked, name) or value for name, value in told.items()})


def own_preprocess(source: Source, options: Options) -> str:
    """What `auto` means: the application's own preprocessing, and none for all other sources."""
    named = source
    if source.kind is Kind.FILE and options.model is not None:
        named = parse(options.model)
    return APPLICATIONS[named.target] if named.kind is Kind.APPLICATION else "none"
