"""Compare a source with its golden: plan, open, measure, evaluate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fpcheck.codec import Value
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.source import Options
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report, timed
from fpcheck.workflows.candidate import measured
from fpcheck.workflows.evaluation import evaluate
from fpcheck.workflows.golden_lookup import Choice
from fpcheck.workflows.golden_search import matched
from fpcheck.workflows.model_access import opened
from fpcheck.workflows.plan import ComparePlan, comparison_plan, with_golden
from fpcheck.workflows.request import CompareRequest

if TYPE_CHECKING:
    from fpcheck.model.worker_client import WorkerClient


class Compared(Value, frozen=True, eq=False):
    """A finished comparison whose model is still open."""

    plan: ComparePlan
    report: Report
    model: OpenedModel


def compare_source(
    source: object,
    request: CompareRequest,
    options: Options,
    remote: "WorkerClient | None" = None,
    progress: Progress = silent,
    choice: Choice | None = None,
) -> Report:
    """Compare a source with its golden, and diagnose what differs.

    Args:
        source: a path, an application's name, `package.module:function`, or a `keras.Model`.
        request: what is asked.
        options: how to load it.
        remote: a worker to use where one is needed, which then stays open.
        progress: receives what is being done.
        choice: the golden, if the caller has one.

    Raises:
        FpcheckError: it cannot be compared: no such source or golden, or one that is refused.
    """
    start = time.monotonic()
    with compared(source, request, options, remote, progress, choice) as finished:
        return timed(finished.report, start)


@contextmanager
def compared(
    source: object,
    request: CompareRequest,
    options: Options,
    remote: "WorkerClient | None" = None,
    progress: Progress = silent,
    choice: Choice | None = None,
) -> Iterator[Compared]:
    """Compare as `compare_source` does, and keep the model open for more."""
    with comparison_plan(source, request, options, choice) as plan:
        progress(f"loading {plan.source.text}")
        with opened(plan, remote) as model:
            if plan.choice is None:
                plan = with_golden(plan, matched(plan, model.contents.structure()))
            candidate = measured(model, plan, progress)
            yield Compared(plan, evaluate(plan, candidate, model), model)
