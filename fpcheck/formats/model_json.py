"""`.json`: an architecture without weights, as `Model.to_json` writes it."""

from fpcheck.files import strict_json
from fpcheck.fingerprint.structure import ASSETS, MASKS
from fpcheck.formats import assembly
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, assembled, from_keras2
from fpcheck.formats.raw_file import RawFile
from fpcheck.keras_config.keras2_config import unwrapped, wrote_keras2
from fpcheck.keras_config.model_config import draft
from fpcheck.loading.keras2_models import load_architecture

load = load_architecture


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    return isinstance(file.document, dict) and {"class_name", "config"} <= file.document.keys()


def read(file: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    config, notes = file.document, list[str]()
    old = wrote_keras2(keras_version(file))
    if old:
        plain = strict_json.load(file.text, file.label, unwrapped)
        config, notes = from_keras2(plain, config, file.label)
    model = draft(config, file.label)
    found = assembled(file.label, model, {}, {MASKS, ASSETS} if old else {ASSETS})
    return Opened(assembly.with_empty_tensors(found, model), notes)


def keras_version(file: RawFile) -> str | None:
    """See `Code`."""
    version = file.document.get("keras_version")
    return None if version is None else str(version)
