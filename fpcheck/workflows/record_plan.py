"""What is going to be recorded: worked out once, before the model is loaded."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from fpcheck.comparison.tolerance import Tolerances, tolerances_of
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import Store
from fpcheck.model.source import Options, Source
from fpcheck.settings import ModelSettings
from fpcheck.workflows.golden_lookup import goldens_folder
from fpcheck.workflows.plan import (
    Plan,
    can_be_bare,
    completed,
    file_of,
    own_preprocess,
    resolve,
    settings_of,
)
from fpcheck.workflows.request import AUTO, RecordRequest, check_levels


class RecordPlan(Plan, frozen=True, eq=False, kw_only=True):
    """How a source is recorded.

    Attributes:
        request: what was asked.
        name: of the golden.
        levels: those that are measured.
        preprocess: how raw images become inputs.
        newest: the version before, whose decisions hold; None for a first version.
    """

    request: RecordRequest
    name: str
    levels: tuple[str, ...]
    preprocess: str
    newest: Golden | None = None

    @property
    def version(self) -> int:
        """The version that is recorded."""
        return self.newest.version + 1 if self.newest else 1

    @property
    def store(self) -> Store:
        """Where the golden is stored."""
        return Store(goldens_folder(self.request.goldens))

    def tolerances(self, structure: Structure) -> Tolerances:
        """As asked, else as decided for the version before, else by the layers' arithmetic."""
        own = _decided(self.newest) or tolerances_of(structure)
        asked = self.request.tolerance
        return msgspec.structs.replace(own, outputs=asked) if asked else own


@contextmanager
def recording_plan(
    source: object, request: RecordRequest, options: Options
) -> Iterator[RecordPlan]:
    """How a source is recorded as the next version of its golden.

    Raises:
        FpcheckError: no such source or level, or the newest version is damaged.
    """
    parsed = resolve(source)
    said = settings_of(parsed)
    options = completed(options, said)
    with file_of(parsed, frozenset()) as file:
        name = request.name or _mapped_name(said) or parsed.name
        before = Store(goldens_folder(request.goldens)).entry(name)
        newest = before.load() if before else None
        preprocess = _kept_preprocess(request.preprocess, said, newest)
        plan = _plan(source, parsed, request, options, preprocess)
        yield msgspec.structs.replace(plan, file=file, name=name, newest=newest)


@contextmanager
def unstored_plan(source: object, request: RecordRequest, options: Options) -> Iterator[RecordPlan]:
    """How a source is measured that no store is going to contain."""
    parsed = resolve(source)
    with file_of(parsed, frozenset()) as file:
        plan = _plan(source, parsed, request, options, request.preprocess)
        yield msgspec.structs.replace(plan, file=file)


def _plan(
    given: object, source: Source, request: RecordRequest, options: Options, preprocess: str
) -> RecordPlan:
    check_levels(request.levels)
    levels = request.levels or (LEVELS[:2] if options.static else LEVELS)
    if options.static and ("outputs" in levels or request.data is not None):
        raise FpcheckError(
            "--static: the model is not run, so it has neither outputs nor accuracy",
            "Leave out --static, or --levels outputs and --data.",
        )
    return RecordPlan(
        given=given,
        source=source,
        options=options,
        known=frozenset(),
        runs="outputs" in levels,
        bare=set(levels) == {"structure"} and can_be_bare(source, options),
        request=request,
        name=request.name or source.name,
        levels=levels,
        preprocess=own_preprocess(source, options) if preprocess == AUTO else preprocess,
    )


def _mapped_name(said: ModelSettings | None) -> str | None:
    """The golden that the configuration maps a file to, if it names one in the folder."""
    name = said.golden.partition("@")[0] if said else ""
    return name if name and not name.endswith((".yaml", ".yml")) else None


def _kept_preprocess(asked: str, said: ModelSettings | None, newest: Golden | None) -> str:
    """What was decided for the golden stays decided, unless the user says otherwise now."""
    if asked != AUTO:
        return asked
    if said is not None and said.preprocess is not None:
        return said.preprocess
    outputs = newest.fingerprint.outputs if newest else None
    return outputs.preprocess if outputs else AUTO


def _decided(newest: Golden | None) -> Tolerances | None:
    """The tolerances of a golden, if a person has changed those that `record` chose."""
    if newest is None or newest.tolerances == tolerances_of(newest.fingerprint.structure):
        return None
    return newest.tolerances
