"""The demo tells the truth: each fault is called what it is."""

from fpcheck.demo.story import CHAPTERS, run


def test_the_demonstration_compares_a_copy_then_faults_with_the_right_diagnoses() -> None:
    said: list[object] = []
    copy, *faults, preprocessing, accuracy = run(lambda *parts: said.extend(parts))
    assert copy.verdict == "match"
    assert copy.levels["outputs"].status == "proved"
    assert [report.verdict for report in faults] == ["mismatch"] * len(CHAPTERS)
    assert [report.diagnoses[0].code for report in faults] == [c.diagnosis for c in CHAPTERS]
    assert [report.first_divergent_layer for report in faults] == [
        "block2_conv1",
        "bn1",
        "block1_conv2",
        "conv1",
        "block3_conv1",
        "bn1",
    ]
    for report in (preprocessing, accuracy):
        assert report.verdict == "mismatch"
        assert [d.code for d in report.diagnoses] == ["preprocessing-changed"]
    assert accuracy.accuracy is not None
    assert accuracy.accuracy.expected_top1 >= 0.97
