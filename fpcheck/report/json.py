"""The report as JSON, for programs; its keys are stable."""

import msgspec

from fpcheck.report.report import Report

SCHEMA = "fpcheck-report/1"


def render(report: Report) -> str:
    """One JSON document. Numbers that JSON lacks (NaN, infinity) become null."""
    value = {"schema": SCHEMA, **msgspec.to_builtins(report)}
    for key in ("accuracy", "first"):  # only some commands set these
        if not value[key]:
            del value[key]
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
