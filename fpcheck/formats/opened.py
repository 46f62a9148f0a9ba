"""What reading a model file gives, and the steps that several formats share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fpcheck.errors import FpcheckError
from fpcheck.files.dataset import Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.canonical import Config
from fpcheck.fingerprint.structure import Layer
from fpcheck.formats import tensor_groups
from fpcheck.formats.assembly import Assembled, layers_of, weights_only
from fpcheck.formats.tensor_groups import LayerTensors
from fpcheck.keras_config import builtin_layers
from fpcheck.keras_config.keras2_config import Rewriter, notes
from fpcheck.keras_config.layer_config import Draft
from fpcheck.keras_config.model_config import draft


@dataclass
class Opened:
    """A model file whose structure is read, and whose tensors are found.

    Attributes:
        notes: what a person should know.
        check: a further check of the whole file, to be run beside the measuring.
        weightless: layers that a file of weights names, and of which it contains no tensor.
        root: of the HDF5 file with the weights, which may contain more than the model.
    """

    assembled: Assembled
    notes: list[str] = field(default_factory=list)
    check: Callable[[], None] = lambda: None
    weightless: tuple[Layer, ...] = ()
    root: Group | None = None
    format: str = ""


def weights(
    file: File,
    held: LayerTensors,
    stores: dict[str, str],
    weightless: Iterable[str] = (),
    shard: bool = False,
) -> Opened:
    """A file of weights alone, with its tensors by layer.

    `stores` has the groups of its layers, also of those without tensors; `weightless` names more of
    those. Of a shard, other files contain the rest.
    """
    without = [*weightless, *(path for path in stores if path not in held)]
    layers = layers_of({path: [] for path in without}, stores)
    found = weights_only(held, stores, shard)
    return Opened(found, strays(file.root, held), weightless=layers, root=file.root)


def strays(root: Group, held: LayerTensors) -> list[str]:
    """A note on the tensors of a file that are compared with nothing, since no layer has them."""
    names = tensor_groups.strays(root, held)
    shown = ", ".join(name[:80] for name in names[:3]) + (", ..." if len(names) > 3 else "")
    few = "a tensor" if len(names) == 1 else f"{len(names):,} tensors"
    return [f"not compared: {few} of no layer ({shown})"] if names else []


def described(config: Config, label: str, old: Config | None) -> tuple[Draft, list[str]]:
    """The model that a configuration describes, and notes on the file.

    If Keras 2 wrote it, `old` is the configuration as it is in the file.
    """
    if old is None:
        return draft(config, label), []
    rewriter = Rewriter(lambda kind: not builtin_layers.is_layer(kind))
    try:
        config, found = rewriter.layer(config), notes(old, rewriter)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise FpcheckError(
            f"{label}: {str(error)[:200] or type(error).__name__}",
            "Load it with the Keras that wrote it, and save it anew.",
        ) from error
    return draft(config, label), found
