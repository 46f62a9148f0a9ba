"""fpcheck: is the Keras model just loaded the one that was approved, and if not, what is wrong?

    import fpcheck

    fpcheck.record(model, "digits", note="trained 2026-11-23")
    fpcheck.compare(model, "digits").assert_match()

Levels are `structure`, `weights` and `outputs`; a source is a `keras.Model`, a path, the name of a
model in `keras.applications`, or `package.module:function`.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpcheck.errors import FpcheckError

if TYPE_CHECKING:
    from fpcheck.fingerprint.fingerprint import Fingerprint
    from fpcheck.golden.golden import Golden
    from fpcheck.report.report import Report
    from fpcheck.workflows.recording import Recording

__version__ = "0.1.0"
__all__ = [
    "Fingerprint",
    "FpcheckError",
    "Golden",
    "Recording",
    "Report",
    "compare",
    "load_golden",
    "record",
]

_LAZY = {
    "Fingerprint": "fpcheck.fingerprint.fingerprint",
    "Golden": "fpcheck.golden.golden",
    "Recording": "fpcheck.workflows.recording",
    "Report": "fpcheck.report.report",
}


def __getattr__(name: str) -> Any:
    """The value types, imported when first asked for, so that `import fpcheck` costs nothing."""
    if name not in _LAZY:
        raise AttributeError(f"module 'fpcheck' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def record(
    source: object,
    name: str | None = None,
    *,
    goldens: str | Path | None = None,
    levels: Sequence[str] | None = None,
    preprocess: str = "auto",
    probes: str | None = None,
    data: str | Path | None = None,
    tolerance: str | None = None,
    note: str = "",
    **loading: Any,
) -> "Recording":
    """Measure a good model and store it as the next version of a golden.

    Nothing is stored where the newest version already says the same.

    Args:
        source: a `keras.Model` (measured in this process), or a path, a name or
            `package.module:function` (loaded in a process of its own).
        name: of the golden; that of the source if None.
        goldens: folder; the nearest `fingerprints/` from the working folder up if None.
        levels: of `structure`, `weights`, `outputs`; all if None.
        preprocess: `auto`, `none`, `caffe`, `tf`, `torch` or `package.module:function`, applied to
            raw uint8 images (n, height, width, channels), 0..255.
        probes: how many, or an `.npz` (one array per input, shape (n, ...)) or folder of images.
        data: labelled examples: an `.npz` with `x` (n, ...) and `y` (n,), or a folder per class.
        tolerance: a row of the tolerance table for outputs; if None, what was decided for the
            version before, else by the model's dtypes.
        note: for people. If the model is unchanged, the newest version gets it, and the tolerance.
        **loading: fields of `fpcheck.model.source.Options`: weights, seed, model, custom_objects,
            trust, static, backend.

    Raises:
        FpcheckError: the source or the data cannot be read, or the model gives NaN.
    """
    from fpcheck.model.source import Options
    from fpcheck.wording import for_python
    from fpcheck.workflows.plan import RecordRequest
    from fpcheck.workflows.record import record_source
    from fpcheck.workflows.recording import told_in_python

    request = RecordRequest(
        name=name,
        goldens=goldens,
        levels=None if levels is None else tuple(levels),
        preprocess=preprocess,
        probes=probes,
        data=data,
        tolerance=tolerance,
        note=note,
    )
    with for_python():
        return told_in_python(record_source(source, request, Options(**loading)))


def compare(
    source: object,
    golden: str | None = None,
    *,
    goldens: str | Path | None = None,
    levels: Sequence[str] | None = None,
    full: bool = False,
    tolerance: str | None = None,
    preprocess: str | None = None,
    **loading: Any,
) -> "Report":
    """Compare a model with a golden.

    Args:
        source: as for `record`.
        golden: `NAME`, `NAME@VERSION` or the path of a golden's YAML; chosen if None: the one that
            fpcheck.yaml maps the source to, else of the same name, else the only one whose
            structure matches.
        goldens: folder; the nearest `fingerprints/` from the working folder up if None.
        levels: what the verdict asks for; all that the golden contains if None.
        full: run the model even where its outputs follow from equal weights.
        tolerance: a row of the tolerance table (`exact`, `float32`, `tf32`, `float16`, `bfloat16`,
            `int8`); the golden's own if None. Weights: relative L2 distance. Outputs:
            max |difference| / RMS of the golden output, before the last softmax or sigmoid.
        preprocess: as for `record`; the golden's own if None.
        **loading: as for `record`.

    Returns:
        A report; `report.verdict` is `match`, `mismatch` or `incomplete`, and
        `report.assert_match()` raises an AssertionError with the text that the console prints.

    Raises:
        FpcheckError: no such golden, a damaged one, or a source that cannot be read.
    """
    from fpcheck.model.source import Options
    from fpcheck.report.report import with_python_names
    from fpcheck.wording import for_python
    from fpcheck.workflows.compare import compare_source
    from fpcheck.workflows.plan import CompareRequest

    request = CompareRequest(
        golden=golden,
        goldens=goldens,
        levels=None if levels is None else tuple(levels),
        full=full,
        tolerance=tolerance,
        preprocess=preprocess,
    )
    with for_python():
        return with_python_names(compare_source(source, request, Options(**loading)))


def load_golden(name: str, *, goldens: str | Path | None = None) -> "Golden":
    """Read a golden, its integrity checked.

    Args:
        name: `NAME`, `NAME@VERSION` or the path of a golden's YAML.
        goldens: folder; the nearest `fingerprints/` from the working folder up if None.

    Raises:
        FpcheckError: no such golden, or a damaged one.
    """
    from fpcheck.golden.store import find
    from fpcheck.wording import for_python

    with for_python():
        return find(name, goldens).load()
