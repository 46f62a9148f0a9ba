"""Compare a source with its golden: plan, open, measure, evaluate.

What is measured is decided here; `comparison.proof` says whether outputs follow from the rest, so
that the model need not be run.
"""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fpcheck.backends import BACKENDS
from fpcheck.comparison.proof import lacks_only_state, why_not_proved
from fpcheck.comparison.verdict import NOT_ASKED, NOT_IN_GOLDEN, PROVED, LevelResult
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.fingerprint.structure import REST, Structure
from fpcheck.golden import official
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import shipped
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import says_less
from fpcheck.model.environment import environment, lacking
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import OutputRequest
from fpcheck.model.source import Kind, Options, Source
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report, timed
from fpcheck.workflows.evaluation import Candidate, LevelResults, evaluate
from fpcheck.workflows.golden_by_structure import golden_of_structure
from fpcheck.workflows.open_model import open_model
from fpcheck.workflows.plan import Choice, ComparePlan, CompareRequest, comparison_plan, with_golden

if TYPE_CHECKING:
    from fpcheck.model.worker_client import WorkerClient

# Why levels are skipped for a file of weights alone.
NO_ARCHITECTURE = "the file contains weights only; name its architecture with --model"
# Adds to the report on a golden and a model that is still open.
More = Callable[[Report, Golden, OpenedModel], Report]


def compare_source(
    source: object,
    request: CompareRequest,
    options: Options,
    worker: "WorkerClient | None" = None,
    progress: Progress = silent,
    choice: Choice | None = None,
    more: More = lambda report, *_: report,
) -> Report:
    """Compare a source with its golden, and diagnose what differs.

    The `worker` is used where one is needed, and stays open. `choice` is the golden, if the
    caller has one; `more` adds to the report while the model is open. FpcheckError if there is no
    such source or golden, or one is refused.
    """
    start = time.monotonic()
    with (
        comparison_plan(source, request, options, choice) as plan,
        open_model(plan, worker, progress) as model,
    ):
        if plan.choice is None:
            plan = with_golden(plan, golden_of_structure(plan, model.contents.structure()))
        assert plan.choice is not None
        candidate = _measured(model, plan, plan.choice, progress)
        report = evaluate(plan.choice, candidate, plan.request, model)
        return timed(more(report, plan.choice.golden, model), start)


def _measured(
    model: OpenedModel, plan: ComparePlan, choice: Choice, progress: Progress
) -> Candidate:
    """Measure what the golden contains and the verdict asks for, and no more."""
    recorded = choice.golden.fingerprint
    levels = _if_equal(recorded.levels, plan.request.levels)
    if is_weights_only(model.contents.structure()) and model.file_contents is not None:
        model.file_contents.place(Fingerprint(recorded.structure), recorded.weights or ())
    measured = Fingerprint(model.contents.structure())
    if is_weights_only(measured.structure):
        levels["structure"] = LevelResult("skipped", NO_ARCHITECTURE)
    if levels["weights"].status == "pass":
        progress("measuring weights")
        weights = model.contents.weights(plan.known or frozenset())
        measured = Fingerprint(model.contents.structure(), weights)
        if lacks_only_state(recorded, measured):
            with suppress(FpcheckError):  # then the report says that it was not compared
                measured = model.completed(measured)
    if levels["outputs"].status == "pass":
        measured, levels["outputs"] = _with_outputs(model, measured, plan, recorded, progress)
    code = _code(plan.source, measured.structure, levels["outputs"])
    notes = (*model.notes, *_official(plan.source, choice), *code)
    return Candidate(plan.source.text, model.format, measured, levels, notes)


def _if_equal(recorded: Collection[Level], asked: Collection[str] | None) -> LevelResults:
    """How each level ends if nothing differs, by what the golden contains and the user asks for."""
    levels: LevelResults = {level: LevelResult("pass") for level in LEVELS}
    for level in LEVELS[1:]:  # the structure is read in any case: all else is compared by it
        if level not in recorded:
            levels[level] = LevelResult("skipped", NOT_IN_GOLDEN)
        elif asked is not None and level not in asked:
            levels[level] = LevelResult("skipped", NOT_ASKED)
    return levels


def _with_outputs(
    model: OpenedModel,
    measured: Fingerprint,
    plan: ComparePlan,
    golden: Fingerprint,
    progress: Progress,
) -> tuple[Fingerprint, LevelResult]:
    """The outputs, unless they are proved or cannot be had."""
    assert golden.outputs is not None
    here, reason = _proving(golden.outputs.environment, environment(model.backend), model.static)
    unproved = why_not_proved(golden, measured, here, plan.preprocess)
    if unproved is None and not plan.request.full:
        return measured, LevelResult("proved", reason)
    if REST in measured.structure.not_stored:
        return measured, LevelResult("skipped", "the file contains a part of the model")
    if is_weights_only(measured.structure):
        return measured, LevelResult("skipped", NO_ARCHITECTURE)
    progress("running the model on its probes")
    try:
        outputs = model.running().outputs(OutputRequest(golden.outputs.probes, plan.preprocess))
    except UnavailableError as error:
        why = f"; not proved: {unproved}" if unproved else ""
        return measured, LevelResult("skipped", error.fact + why)
    if says_less(measured.structure):
        measured = model.completed(measured)
    return msgspec.structs.replace(measured, outputs=outputs), LevelResult("pass")


def _proving(
    recorded: dict[str, str], here: dict[str, str], static: bool
) -> tuple[dict[str, str], str]:
    """The environment for which outputs may be proved, and the reason that the report gives.

    It is the one here. Where nothing is to be run and no framework could run it, there is no other
    than the recorded one: the outputs follow there, and the reason says so.
    """
    missing = lacking(here)
    if not static or not missing:
        return here, PROVED
    told = [f"{name} {recorded[name]}" for name in ("keras", *BACKENDS) if recorded.get(name)]
    told += [f"{recorded.get('system', '')} {recorded.get('machine', '')}".strip()]
    verb = "is" if len(missing) == 1 else "are"
    return recorded, (
        f"for the recorded environment: {', '.join(told)}; {' and '.join(missing)} {verb} not "
        "installed here"
    )


def _official(source: Source, choice: Choice) -> list[str]:
    """Whether a file is one of Keras's own, where its name or its golden suggests the question."""
    if not source.local or choice.first:
        return []
    path, golden = Path(source.target), choice.golden.path
    bundled = golden is not None and golden.is_relative_to(shipped().folder)
    if not bundled and path.name not in official.official_files():
        return []
    return [official.recognise(path) or "It is not one of Keras's official weight files."]


def _code(source: Source, structure: Structure, outputs: LevelResult) -> list[str]:
    """That code decides outputs too, where nothing else says so and no file contains the code."""
    custom = structure.custom_classes if source.kind is Kind.FILE else []
    if not custom or outputs.reason not in (NOT_IN_GOLDEN, NOT_ASKED):
        return []
    shown = ", ".join(custom[:3]) + (", …" if len(custom) > 3 else "")
    return [f"not compared: the code of {shown}, which no model file contains"]
