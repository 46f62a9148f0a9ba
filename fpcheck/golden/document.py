"""The YAML file of a golden: for people and for review, with a digest of its own text.

The note and the tolerances are above the seal and may be edited. The digest covers all that is
below.
"""

from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from fpcheck.codec import Value
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.levels import Level
from fpcheck.golden import strict_yaml
from fpcheck.golden.golden import READABLE, SCHEMA, Golden, Provenance, SourceRecord

if TYPE_CHECKING:  # these import numpy, which reading a head does not need
    from fpcheck.fingerprint.fingerprint import Fingerprint
    from fpcheck.fingerprint.measurement import Measurement
    from fpcheck.fingerprint.outputs import Outputs
    from fpcheck.fingerprint.structure import Layer, Structure, Tensor

SEAL = "# Recorded by fpcheck; not to be edited. BLAKE3 of all that follows the next line:\n"
_LAYERS = "\nlayers:\n"
# Values that most layers have. The lines for people omit them; the HDF5 file contains everything.
USUAL: dict[str, Any] = {
    "activation": "linear",
    "data_format": "channels_last",
    "padding": "valid",
    "axis": -1,
    "strides": [1, 1],
    "dilation_rate": [1, 1],
    **dict.fromkeys(("groups", "depth_multiplier"), 1),
    **dict.fromkeys(("use_bias", "center", "scale"), True),
    **dict.fromkeys(("sparse", "ragged", "optional"), False),
}


class Editable(Value, frozen=True):
    """The part above the seal."""

    note: str = ""
    tolerances: Tolerances = Tolerances()


class Head(Value, frozen=True):
    """The start of the recorded part, which programs read; lines for people follow."""

    schema: str
    name: str
    version: int
    arrays: str
    levels: tuple[Level, ...]
    content_id: str | None
    structure: str
    shape: str
    provenance: Provenance
    source: SourceRecord
    model: dict[str, Any]


def write(golden: Golden, arrays: bytes) -> str:
    """The text of the YAML file."""
    head = Head(
        schema=SCHEMA,
        name=golden.name,
        version=golden.version,
        arrays=digest.text(digest.of_bytes(arrays)),
        **_description(golden.fingerprint),
        provenance=golden.provenance,
        source=golden.source,
        model=_summary(golden),
    )
    recorded = _dump(msgspec.to_builtins(head)) + _lines(golden.fingerprint)
    above = _dump(msgspec.to_builtins(Editable(golden.note, golden.tolerances)))
    return f"{above}{SEAL}{_digest_line(recorded)}\n{recorded}"


def edited(text: str, editable: Editable) -> str:
    """The text of a valid YAML file with another editable part; comments above it stay, in front.

    The text from the seal on does not change.
    """
    above, seal, below = text.partition("\n" + SEAL)
    comments = "".join(f"{line}\n" for line in above.split("\n") if line.startswith("#"))
    return comments + _dump(msgspec.to_builtins(editable)) + seal.removeprefix("\n") + below


def read(text: str, where: str) -> tuple[Editable, Head]:
    """Both parts; FpcheckError if damaged, edited below the seal, or of an unknown schema."""
    # The seal starts a line, while the lines of a note are indented.
    above, seal, below = text.partition("\n" + SEAL)
    line, _, recorded = below.partition("\n")
    if not seal:
        raise damaged(where, "its seal is missing")
    if line != _digest_line(recorded):
        raise damaged(where, "its recorded part was changed")
    schema = recorded.partition("\n")[0].removeprefix("schema: ")
    if schema not in READABLE:
        raise FpcheckError(
            f"{where}: schema {schema}, this fpcheck reads {' and '.join(READABLE)}",
            "Update: pip install -U fpcheck",
        )
    head = strict_yaml.load(recorded.partition(_LAYERS)[0], Head, where)
    return strict_yaml.load(above + "\n", Editable, where), head


def _digest_line(recorded: str) -> str:
    return f"digest: {digest.text(digest.of_bytes(recorded.encode()))}"


def damaged(where: object, why: str, what: str = "it", alternative: str = "") -> FpcheckError:
    """The error for a damaged golden."""
    restore = f"Restore {what} from version control (git checkout), or "
    return FpcheckError(
        f"{where}: damaged golden: {why}", restore + (alternative or "record it again.")
    )


def _dump(value: Any, flow: bool = False) -> str:
    text: str = yaml.dump(
        value,
        Dumper=strict_yaml.Dumper,
        sort_keys=False,
        allow_unicode=False,
        width=10**9,
        default_flow_style=flow,
    )
    return text


def _description(fingerprint: "Fingerprint") -> dict[str, Any]:
    own, structure = fingerprint.content_id, fingerprint.structure
    return {
        "levels": fingerprint.levels,
        "content_id": digest.text(own) if own else None,
        "structure": digest.text(structure.digest),
        "shape": digest.text(structure.shape_digest),
    }


def describes(head: Head, fingerprint: "Fingerprint") -> bool:
    """Whether levels, content id and digests of the structure are those of a fingerprint."""
    return all(getattr(head, name) == own for name, own in _description(fingerprint).items())


def _summary(golden: Golden) -> dict[str, Any]:
    fingerprint = golden.fingerprint
    structure, outputs, accuracy = fingerprint.structure, fingerprint.outputs, fingerprint.accuracy
    summary: dict[str, Any] = {
        "class": structure.class_name,
        "layers": len(structure.layers),
        "parameters": structure.parameters,
        "trainable": structure.trainable_parameters,
        "inputs": [f"{p.name} {_shape(p.shape)} {p.dtype}" for p in structure.inputs],
        "outputs": [f"{p.name} {_shape(p.shape)} {p.dtype}" for p in structure.outputs],
    }
    kept = (la for la in structure.layers if la.external_files or (la.not_stored and not la.custom))
    if untold := [la.path for la in kept]:  # the recorded file does not contain all of their state
        summary["untold"] = untold
    if custom := structure.custom_classes:
        summary["custom"] = custom
    if outputs is not None:
        summary |= _outputs_summary(golden, outputs)
    if accuracy is not None:
        rates = {"top1": _round(accuracy.top1), "top5": _round(accuracy.top5)}
        summary["accuracy"] = {"examples": accuracy.count, **rates}
    return summary


def _outputs_summary(golden: Golden, outputs: "Outputs") -> dict[str, Any]:
    from fpcheck.comparison.proof import why_not_proved  # imports numpy, as above

    # Whether equal weights, structure and preprocessing prove the outputs where it was recorded.
    own, here = golden.fingerprint, golden.provenance.environment
    provable = why_not_proved(own, own, here, outputs.preprocess) is None
    noise = msgspec.to_builtins(outputs.noise)
    del noise["where"]  # goldens are only recorded if no layer varies
    count, inputs = outputs.probes.count, outputs.probes.inputs
    first = {answer.name: answer.logits[0, :5].tolist() for answer in outputs.answers}
    return {
        "preprocess": outputs.preprocess,
        "probes": [f"{i.name} {i.kind} {_shape((count, *i.shape))}" for i in inputs],
        "noise": {k: None if v is None else _round(v) for k, v in noise.items()},
        "provable": provable,
        "unreached": list(outputs.reach.unreached),
        "untried": list(outputs.reach.untried),
        "logits": {name: [_round(v) for v in values] for name, values in first.items()},
    }


def _shape(shape: tuple[int | None, ...] | None) -> str:
    sizes = [None] if shape is None else shape
    return f"({', '.join('?' if size is None else str(size) for size in sizes)})"


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def _lines(fingerprint: "Fingerprint") -> str:
    """One line per layer and one per tensor, for people."""
    structure: Structure = fingerprint.structure
    weights = fingerprint.weights or (None,) * len(structure.tensors)
    pairs = zip(structure.tensors, weights, strict=True)
    parts = {
        "layers": map(_layer, structure.layers),
        "tensors": (_tensor(*place, measured) for place, measured in pairs),
    }
    return "".join(
        f"{name}:\n" + "".join(f"- {_dump(line, flow=True)}" for line in lines)
        for name, lines in parts.items()
    )


def _layer(layer: "Layer") -> dict[str, Any]:
    config = (layer.config or {}).items()
    more = {
        "from": list(layer.inbound),
        "output": [list(shape) for shape in layer.output_shapes],
        "dtype": layer.dtype if layer.dtype != "float32" else "",
        "calls": len(layer.calls or ()) if layer.shared else 0,
        "config": {k: v for k, v in config if k not in USUAL or v != USUAL[k]},
    }
    named = {"layer": layer.path, "class": layer.class_name}
    return named | {name: value for name, value in more.items() if value}


def _tensor(layer: "Layer", tensor: "Tensor", measured: "Measurement | None") -> dict[str, Any]:
    line: dict[str, Any] = {
        "tensor": f"{layer.path}/{tensor.role}",
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
    }
    if measured is None:
        return line
    if measured.details is not None:
        own = measured.details.statistics
        figures = {"mean": own.mean, "std": own.std, "min": own.minimum, "max": own.maximum}
        line |= {name: _round(value) for name, value in figures.items()}
        if own.zeros:
            line["zeros"] = own.zeros
    return {**line, "digest": digest.text(measured.digest)}
