"""The file formats of Keras models. What fpcheck knows of a format follows from its row here."""

from fpcheck.formats.format import HDF5, JSON, ZIP, Contains, Format

# A file has the first of these formats that recognises it. `weights-h5` takes all other HDF5 files.
FORMATS = (
    Format("keras", (".keras",), ZIP, Contains.MODEL, "save"),
    Format("keras-h5", (".h5", ".hdf5"), HDF5, Contains.MODEL, "save"),
    Format("keras-h5-weights", (".h5", ".hdf5"), HDF5, Contains.WEIGHTS, "save_weights"),
    Format("weights-h5", (".weights.h5",), HDF5, Contains.WEIGHTS, "save_weights"),
    Format(
        "weights-json", (".weights.json",), JSON, Contains.WEIGHTS, "save_weights", one_file=False
    ),
    Format("model-json", (".json",), JSON, Contains.ARCHITECTURE, "to_json"),
)


def kind_of_format(name: str) -> Contains | None:
    """What files of a format contain; None if no format has this name."""
    return next((known.contains for known in FORMATS if known.name == name), None)


def formats_starting(start: bytes) -> list[Format]:
    """The formats of files that start with these bytes."""
    return [known for known in FORMATS if start.startswith(known.begins)]


def suffixes() -> tuple[str, ...]:
    """How the names of model files end."""
    return tuple(dict.fromkeys(suffix for known in FORMATS for suffix in known.suffixes))


def gate_suffixes() -> tuple[str, ...]:
    """How the names of files with weights end: the files that the gate compares."""
    every = dict.fromkeys(suffix for known in _with_weights() for suffix in known.suffixes)
    return tuple(s for s in every if not any(s != o and s.endswith(o) for o in every))


def stem(name: str) -> str:
    """The name of a model file without its suffix."""
    longest = max((s for s in suffixes() if name.endswith(s)), key=len, default="")
    if not longest:
        return name
    rest = name.removesuffix(longest)
    return rest if longest.startswith(".weights") else rest.removesuffix(".weights")


def give() -> str:
    """The advice to give a file that fpcheck can compare."""
    *most, last = dict.fromkeys(known.suffixes[0] for known in _with_weights())
    return f"Give a {', '.join(most)} or {last} file."


def _with_weights() -> list[Format]:
    return [known for known in FORMATS if known.contains is not Contains.ARCHITECTURE]
