"""A report as text: what users read first."""

import pytest

from fpcheck.comparison.finding import Finding
from fpcheck.comparison.verdict import NOT_IN_GOLDEN, LevelResult, Status, Verdict
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.report.report import Report
from fpcheck.report.result import AccuracyResult, CandidateRef, Diagnosis, GoldenRef
from fpcheck.report.text import WORST, clean, plain_text

CHANGED = Finding("weights", "tensor-changed", "a", "kernel", "relative_l2", None, 0.25, 0.0)
ABSENT = LevelResult("skipped", NOT_IN_GOLDEN)


def results(*statuses: Status) -> dict[Level, LevelResult]:
    return dict(zip(LEVELS, map(LevelResult, statuses), strict=True))


def report(
    verdict: Verdict,
    levels: dict[Level, LevelResult],
    findings: list[Finding],
    diagnoses: list[Diagnosis] | None = None,
    accuracy: AccuracyResult | None = None,
    first: str = "",
) -> Report:
    return Report(
        verdict=verdict,
        golden=GoldenRef("net", 2, None, "named by --golden"),
        candidate=CandidateRef("m.keras", "keras", None),
        levels=levels,
        first_divergent_layer="a" if verdict == "mismatch" else None,
        findings=findings,
        diagnoses=diagnoses or [],
        notes=["one \x1b note"],
        accuracy=accuracy,
        first=first,
    )


def test_a_mismatch_shows_levels_cause_advice_and_finding() -> None:
    cause = Diagnosis("rescaled", ["a"], 0.98, "What happened.", ["a proof"], "What to do.")
    shown = plain_text(report("mismatch", results("pass", "fail", "skipped"), [CHANGED], [cause]))
    assert shown.splitlines() == [
        "✗ mismatch  m.keras (keras)",
        "  golden     net@2, named by --golden",
        "  structure  pass",
        "  weights    fail    1 tensor differs",
        "  outputs    skipped",
        "  first divergent layer: a",
        "",
        "  rescaled (98%)",
        "    What happened.",
        "    · a proof",
        "    → What to do.",
        "",
        "  where     what            found             golden / allowed",
        "  a/kernel  tensor-changed  relative L2 0.25  0",
        "  note: one \\x1b note",
    ]


def test_an_incomplete_report_says_what_was_not_compared() -> None:
    levels = {**results("pass", "pass", "pass"), "weights": ABSENT, "outputs": ABSENT}
    shown = report("incomplete", levels, [])
    assert shown.unfinished == (
        "structure matches; weights and outputs were not compared: the golden contains none"
    )
    assert shown.narrower == ["structure"]
    assert plain_text(shown).splitlines()[1] == f"  {shown.unfinished}"


def test_a_diff_names_its_first_side_instead_of_the_golden() -> None:
    levels = {**results("pass", "fail", "pass"), "outputs": ABSENT}
    shown = plain_text(report("mismatch", levels, [CHANGED], first="old.keras")).splitlines()
    assert shown[1:3] == ["  first      old.keras", "  second     m.keras"]
    assert "  outputs    skipped  the first does not contain it" in shown


@pytest.mark.parametrize("verbose", [False, True])
def test_the_largest_differences_come_first_and_the_rest_is_counted(verbose: bool) -> None:
    sizes = [0.1 * n for n in range(1, WORST + 3)]
    findings = [
        Finding("weights", "tensor-changed", f"l{n}", "k", "relative_l2", None, size)
        for n, size in enumerate(sizes)
    ]
    shown = plain_text(report("mismatch", results("pass", "fail", "pass"), findings), verbose)
    rows = [line.split()[0] for line in shown.splitlines() if "tensor-changed" in line]
    every = [f"l{n}/k" for n in reversed(range(len(sizes)))]
    assert rows == (every if verbose else every[:WORST])
    assert ("2 more findings (--verbose shows them)" in shown) is not verbose


def test_accuracy_is_shown_beside_the_recorded_one() -> None:
    accuracy = AccuracyResult(10, 9, 0.5, 0.4, 0.9, 0.8, 3)
    shown = plain_text(report("match", results("pass", "pass", "pass"), [], None, accuracy))
    assert "  accuracy   top-1 40.00% (golden 50.00%), top-5 80.00% (golden 90.00%)" in shown
    assert "  examples   3 of 9 predictions changed" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", "a\\nb"), ("\x1b[31m", "\\x1b[31m"), ("x" * 300, "x" * 199 + "…"), (5, "5")],
)
def test_control_characters_are_escaped_and_long_names_cut(text: object, shown: str) -> None:
    assert clean(text) == shown
