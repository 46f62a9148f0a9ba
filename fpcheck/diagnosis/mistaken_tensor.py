"""Tensors that are, bit for bit, the golden's after a usual mistake: a proof."""

from collections.abc import Iterator

from fpcheck.codec import Value
from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.weights import Changed
from fpcheck.diagnosis.evidence import changed_tensors, count, some
from fpcheck.report.value import Diagnosis


class Mistake(Value, frozen=True):
    """A usual mistake: its diagnosis code, what it does in words, how to mend it."""

    code: str
    says: str
    advice: str


# By the name of the counterfactual digest.
MISTAKES = {
    "float16": Mistake(
        "cast-float16",
        "rounded to float16",
        "Save and load without a float16 step, or allow it: --tolerance float16.",
    ),
    "bfloat16": Mistake(
        "cast-bfloat16",
        "rounded to bfloat16",
        "Save and load without a bfloat16 step, or allow it: --tolerance bfloat16.",
    ),
    "flipped": Mistake(
        "kernel-flipped",
        "turned by 180 degrees (all space axes reversed)",
        "Undo the flip in the conversion: kernel[::-1, ::-1].",
    ),
    "transposed": Mistake(
        "kernel-transposed",
        "transposed (its last two axes exchanged)",
        "Transpose it back in the conversion: input channels come before output channels.",
    ),
    "space-transposed": Mistake(
        "kernel-transposed",
        "transposed (height and width exchanged)",
        "Transpose it back in the conversion: kernels are (height, width, in, out).",
    ),
    "input-channels-reversed": Mistake(
        "input-channels-reversed",
        "with its input channels reversed (RGB and BGR exchanged)",
        "Feed the other channel order, or undo kernel[:, :, ::-1] in the conversion.",
    ),
}


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for each mistake that explains a tensor."""
    groups: dict[str, list[Changed]] = {}
    for item in changed_tensors(comparison):
        if item.golden.details is None:
            continue
        for name, digest in item.golden.details.counterfactuals.items():
            if digest == item.candidate.digest and name in MISTAKES:
                groups.setdefault(name, []).append(item)
                break
    for name, items in groups.items():
        mistake = MISTAKES[name]
        layers = list(dict.fromkeys(item.layer.path for item in items))
        tensors = [f"{item.layer.path}/{item.tensor.role}" for item in items]
        verb = "is the golden one" if len(items) == 1 else "are the golden ones"
        yield Diagnosis(
            code=mistake.code,
            layers=layers,
            confidence=1.0,
            summary=f"{some(tensors)} {verb} {mistake.says}.",
            evidence=[f"the digest of {count(len(items), 'tensor')} equals the one that the golden "
                      f"foretold for '{name}'"],
            advice=mistake.advice,
        )  # fmt: skip
