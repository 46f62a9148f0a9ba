"""`.json`: an architecture without weights, as `Model.to_json` writes it."""

from fpcheck.files import strict_json
from fpcheck.fingerprint.structure import ASSETS, MASKS
from fpcheck.formats.assembly import assemble
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, described
from fpcheck.formats.raw_file import RawFile
from fpcheck.keras_config.keras2_config import unwrapped, wrote_keras2
from fpcheck.loading.keras2_models import load_architecture

load = load_architecture


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    return isinstance(file.document, dict) and {"class_name", "config"} <= file.document.keys()


def read(file: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    config = file.document
    old = wrote_keras2(keras_version(file))
    plain = strict_json.load(file.text, file.label, unwrapped) if old else config
    model, notes = described(plain, file.label, config if old else None)
    return Opened(assemble(file.label, model, None, {MASKS, ASSETS} if old else {ASSETS}), notes)


def keras_version(file: RawFile) -> str | None:
    """See `Code`."""
    version = file.document.get("keras_version")
    return None if version is None else str(version)
