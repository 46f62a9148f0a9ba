"""What is measured of a source that is compared, and how each level stands before it is judged.

The one place that decides whether outputs are `proved`: they follow from equal structure and
weights, so that the model need not be run.
"""

from collections.abc import Collection
from contextlib import suppress

import msgspec

from fpcheck.backends import BACKENDS
from fpcheck.codec import Value
from fpcheck.comparison.proof import lacks_only_state, why_not_equal, why_not_proved
from fpcheck.comparison.verdict import NOT_ASKED, NOT_IN_GOLDEN, PROVED, LevelResult
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.fingerprint.structure import REST
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import says_less
from fpcheck.model.environment import environment, lacking
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import OutputPlan
from fpcheck.progress import Progress
from fpcheck.workflows.plan import ComparePlan

# Why levels are skipped for a file of weights alone.
NO_ARCHITECTURE = "the file contains weights only; name its architecture with --model"

Levels = dict[Level, LevelResult]


class Candidate(Value, frozen=True, eq=False):
    """What was measured.

    Attributes:
        fingerprint: as much as the golden contains and the verdict asks for.
        levels: how each level stands before findings are known: `pass` for what was measured.
    """

    fingerprint: Fingerprint
    levels: Levels


def measured(model: OpenedModel, plan: ComparePlan, progress: Progress) -> Candidate:
    """Measure what the golden contains and the verdict asks for, and no more."""
    golden = plan.golden.fingerprint
    levels = _levels(golden.levels, plan.request.levels)
    if is_weights_only(model.contents.structure()) and model.file is not None:
        model.file.place(Fingerprint(golden.structure), golden.weights or ())
    fingerprint = Fingerprint(model.contents.structure())
    if is_weights_only(fingerprint.structure):
        levels["structure"] = LevelResult("skipped", NO_ARCHITECTURE)
    if levels["weights"].status == "pass":
        progress("measuring weights")
        weights = model.contents.weights(plan.known or frozenset())
        read = Fingerprint(model.contents.structure(), weights)
        fingerprint = _with_state(model, golden, read)
    if levels["outputs"].status == "pass":
        fingerprint, levels["outputs"] = _with_outputs(model, fingerprint, plan, progress)
    return Candidate(fingerprint, levels)


def _levels(held: Collection[Level], asked: Collection[str] | None) -> Levels:
    """How each level stands by what the golden contains and the user asks for."""

    def of(level: Level) -> LevelResult:
        if level not in held:
            return LevelResult("skipped", NOT_IN_GOLDEN)
        unasked = asked is not None and level not in asked
        return LevelResult("skipped", NOT_ASKED) if unasked else LevelResult("pass")

    # The structure is read in any case, since all else is compared by it.
    return {"structure": LevelResult("pass"), "weights": of("weights"), "outputs": of("outputs")}


def _with_state(model: OpenedModel, golden: Fingerprint, candidate: Fingerprint) -> Fingerprint:
    """With state that the file does not contain, if only that is missing and the model loads."""
    if lacks_only_state(golden, candidate):
        with suppress(FpcheckError):  # then the report says that it was not compared
            return model.completed(candidate)
    return candidate


def _with_outputs(
    model: OpenedModel, candidate: Fingerprint, plan: ComparePlan, progress: Progress
) -> tuple[Fingerprint, LevelResult]:
    """The outputs, unless they are proved or cannot be had."""
    golden = plan.golden.fingerprint
    assert golden.outputs is not None
    here = environment(model.backend)
    here, reason = _proving(golden.outputs.environment, here, model.static)
    unproved = why_not_proved(golden, candidate, here, plan.preprocess)
    if unproved is None and not plan.request.full:
        return candidate, LevelResult("proved", reason)
    if REST in candidate.structure.not_stored:
        return candidate, LevelResult("skipped", "the file contains a part of the model")
    if is_weights_only(candidate.structure):
        return candidate, LevelResult("skipped", NO_ARCHITECTURE)
    progress("running the model on its probes")
    try:
        outputs = model.running().outputs(OutputPlan(golden.outputs.probes, plan.preprocess))
    except UnavailableError as error:
        why = f"; not proved: {unproved}" if unproved else ""
        return candidate, LevelResult("skipped", error.fact + why)
    if says_less(candidate.structure):
        candidate = model.completed(candidate)
    return msgspec.structs.replace(candidate, outputs=outputs), LevelResult("pass")


def _proving(
    recorded: dict[str, str], here: dict[str, str], static: bool
) -> tuple[dict[str, str], str]:
    """The environment for which outputs may be proved, and the reason that the report gives.

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


def proved_equal(first: Fingerprint, second: Fingerprint) -> Candidate | None:
    """The second of two models that give equal outputs, wherever they run; None if not proved."""
    if why_not_equal(first, second) is not None:
        return None
    levels = {level: LevelResult("pass") for level in LEVELS}
    reason = "same weights and configuration, no custom code"
    return Candidate(second, {**levels, "outputs": LevelResult("proved", reason)})
