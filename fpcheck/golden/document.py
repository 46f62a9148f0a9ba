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
USUAL = {
    "activation": "linear",
    "data_format": "channels_last",
    "dilation_rate": [1, 1],
    "groups": 1,
    "use_bias": True,
    "sparse": False,
    "ragged": False,
    "optional": False,
    "center": True,
    "scale": True,
    "depth_multiplier": 1,
    "strides": [1, 1],
    "padding": "valid",
    "axis": -1,
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
    recorded = _dump(msgspec.to_builtins(_head(golden, arrays))) + _lines(golden.fingerprint)
    seal = f"{SEAL}digest: {digest.text(digest.of_bytes(recorded.encode()))}\n"
    return _above(Editable(golden.note, golden.tolerances)) + seal + recorded


def edited(text: str, editable: Editable) -> str:
    """The text of a valid YAML file with another editable part.

    The text from the seal on does not change. Comments above the seal that start a line stay, in
    front.
    """
    above, seal, below = text.partition("\n" + SEAL)
    comments = "".join(f"{line}\n" for line in above.split("\n") if line.startswith("#"))
    return comments + _above(editable) + seal.removeprefix("\n") + below


def _above(editable: Editable) -> str:
    return _dump({"note": editable.note, "tolerances": msgspec.to_builtins(editable.tolerances)})


def read(text: str, where: str) -> tuple[Editable, Head]:
    """Both parts, after verifying the digest.

    Raises:
        FpcheckError: damaged, edited below the seal, or of a schema that this version cannot read.
    """
    # The seal starts a line, while the lines of a note are indented.
    above, seal, below = text.partition("\n" + SEAL)
    line, _, recorded = below.partition("\n")
    if not seal:
        raise damaged(where, "its seal is missing")
    if line != f"digest: {digest.text(digest.of_bytes(recorded.encode()))}":
        raise damaged(where, "its recorded part was changed")
    schema = recorded.partition("\n")[0].removeprefix("schema: ")
    if schema not in READABLE:
        raise FpcheckError(
            f"{where}: schema {schema}, this fpcheck reads {' and '.join(READABLE)}",
            "Update: pip install -U fpcheck",
        )
    head = strict_yaml.load(recorded.partition(_LAYERS)[0], Head, where)
    return strict_yaml.load(above + "\n", Editable, where), head


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


def _head(golden: Golden, arrays: bytes) -> Head:
    fingerprint = golden.fingerprint
    levels, content_id, structure, shape = described(fingerprint)
    return Head(
        schema=SCHEMA,
        name=golden.name,
        version=golden.version,
        arrays=digest.text(digest.of_bytes(arrays)),
        levels=levels,
        content_id=content_id,
        structure=structure,
        shape=shape,
        provenance=golden.provenance,
        source=golden.source,
        model=_summary(golden),
    )


# Levels, content id, digest of the structure with names, digest without names.
Described = tuple[tuple[Level, ...], str | None, str, str]


def described(fingerprint: "Fingerprint") -> Described:
    """The description of a fingerprint in a head, computed from the fingerprint."""
    own, structure = fingerprint.content_id, fingerprint.structure
    return (
        fingerprint.levels,
        digest.text(own) if own else None,
        digest.text(structure.digest),
        digest.text(structure.shape_digest),
    )


def described_by(head: Head) -> Described:
    """The description of a fingerprint in a head."""
    return (head.levels, head.content_id, head.structure, head.shape)


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
    if incomplete := [la.path for la in structure.layers if _is_incomplete(la)]:
        summary["untold"] = incomplete
    if custom := structure.custom_classes:
        summary["custom"] = custom
    if outputs is not None:
        summary |= _outputs_summary(outputs, _is_provable(golden, outputs))
    if accuracy is not None:
        summary["accuracy"] = {
            "examples": accuracy.count,
            "top1": _round(accuracy.top1),
            "top5": _round(accuracy.top5),
        }
    return summary


def _is_incomplete(layer: "Layer") -> bool:
    """Whether the recorded file does not contain all of a layer's state."""
    return bool(layer.external_files or (layer.not_stored and not layer.custom))


def _outputs_summary(outputs: "Outputs", provable: bool) -> dict[str, Any]:
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


def _is_provable(golden: Golden, outputs: "Outputs") -> bool:
    """Whether equal weights, structure and preprocessing prove the outputs in this environment.

    The environment is that of the provenance; see `comparison.proof`.
    """
    from fpcheck.comparison.proof import why_not_proved  # imports numpy, as above

    own, environment = golden.fingerprint, golden.provenance.environment
    return why_not_proved(own, own, environment, outputs.preprocess) is None


def _shape(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "(?)"
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def _lines(fingerprint: "Fingerprint") -> str:
    """One line per layer and one per tensor, for people."""
    structure: Structure = fingerprint.structure
    weights = fingerprint.weights or (None,) * len(structure.tensors)
    layers = (_layer(layer) for layer in structure.layers)
    pairs = zip(structure.tensors, weights, strict=True)
    tensors = (_tensor(layer, tensor, measured) for (layer, tensor), measured in pairs)
    parts = {"layers": layers, "tensors": tensors}
    return "".join(
        f"{name}:\n" + "".join(f"- {_dump(line, flow=True)}" for line in lines)
        for name, lines in parts.items()
    )


def _layer(layer: "Layer") -> dict[str, Any]:
    line: dict[str, Any] = {"layer": layer.path, "class": layer.class_name}
    if layer.inbound:
        line["from"] = list(layer.inbound)
    if layer.output_shapes:
        line["output"] = [list(shape) for shape in layer.output_shapes]
    if layer.dtype not in ("", "float32"):
        line["dtype"] = layer.dtype
    if layer.shared:
        line["calls"] = len(layer.calls or ())
    shown = {k: v for k, v in (layer.config or {}).items() if k not in USUAL or v != USUAL[k]}
    return {**line, "config": shown} if shown else line


def _tensor(layer: "Layer", tensor: "Tensor", measured: "Measurement | None") -> dict[str, Any]:
    line: dict[str, Any] = {
        "tensor": f"{layer.path}/{tensor.role}",
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
    }
    if measured is None:
        return line
    if measured.details is not None:
        figures = measured.details.statistics
        line |= {
            "mean": _round(figures.mean),
            "std": _round(figures.std),
            "min": _round(figures.minimum),
            "max": _round(figures.maximum),
        }
        if figures.zeros:
            line["zeros"] = figures.zeros
    return {**line, "digest": digest.text(measured.digest)}
