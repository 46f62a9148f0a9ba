"""Makes everything in fingerprints/ anew: applications, the demo golden, published MD5s.

    python scripts/regenerate_fingerprints.py           # stores a new version where one changed
    python scripts/regenerate_fingerprints.py --check   # says what would change; exit 1 if anything

Weights are neither needed nor made: variables of the applications are never filled.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import yaml
from keras.src.backend.common import global_state
from keras.src.utils import file_utils

from fpcheck import demo
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.official import FILE
from fpcheck.golden.store import Entry, Store
from fpcheck.layout.storage_gaps import alike
from fpcheck.model import live_structure
from fpcheck.model.applications import APPLICATIONS
from fpcheck.model.source import Options
from fpcheck.workflows.plan import RecordRequest
from fpcheck.workflows.record import record_source

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "fingerprints"
DEMO = "demo-digits"
MD5_DIGITS = 32
HEADER = (
    "# MD5 or SHA-256 of the weight files that Keras publishes, as Keras itself carries them\n"
    f"# (file_hash of keras.utils.get_file in keras.applications, Keras {keras.__version__}).\n"
)


class _Asked(Exception):  # noqa: N818  # no error: it carries what was asked for
    """Raised instead of a download."""

    def __init__(self, name: str, file_hash: str | None) -> None:
        super().__init__(name)
        self.name = name
        self.file_hash = file_hash


def applications() -> Iterator[tuple[str, str, Any]]:
    """Golden name, note and live model of every application; ResNets also without their top."""
    for name in APPLICATIONS:
        yield name.lower(), f"{name} of keras.applications.", _unfilled(name, True)
        if name.startswith("ResNet"):
            note = f"This is a {name} body, its top is missing."
            yield f"{name.lower()}-notop", note, _unfilled(name, False)


def _unfilled(name: str, top: bool) -> Any:
    keras.utils.clear_session()
    with keras.StatelessScope():
        model = getattr(keras.applications, name)(weights=None, include_top=top)
        global_state.set_global_attribute("uninitialized_variables", [])
    return model


def official_files() -> dict[str, dict[str, Any]]:
    """What Keras would download for each application, and the MD5 that it would expect."""
    found: dict[str, dict[str, Any]] = {}
    for name in APPLICATIONS:
        for top in (True, False):
            asked = _asked(name, top)
            if asked is not None and asked.file_hash:
                kind = "md5" if len(asked.file_hash) == MD5_DIGITS else "sha256"
                found[asked.name] = {"application": name, "top": top, kind: asked.file_hash}
    return dict(sorted(found.items()))


def _asked(name: str, top: bool) -> _Asked | None:
    def ask(fname: str, *args: Any, file_hash: str | None = None, **kwargs: Any) -> None:
        raise _Asked(fname, file_hash)

    kept = file_utils.get_file
    file_utils.get_file = ask
    try:
        with keras.StatelessScope():
            getattr(keras.applications, name)(weights="imagenet", include_top=top)
    except _Asked as asked:
        return asked
    finally:
        file_utils.get_file = kept
        global_state.set_global_attribute("uninitialized_variables", [])
    return None


def stale() -> list[str]:
    """What is missing from fingerprints/ or differs from what the installed Keras gives."""
    store, found = Store(FOLDER), list[str]()
    for name, _, model in applications():
        if _is_stale(store.entry(name), live_structure.read_structure(model)):
            found.append(name)
    written = yaml.safe_load((FOLDER / FILE).read_text()) if (FOLDER / FILE).is_file() else {}
    if written != official_files():
        found.append(FILE)
    loaded = keras.saving.load_model(demo.MODEL, compile=False)
    if _is_stale(store.entry(DEMO), live_structure.read_structure(loaded)):
        found.append(DEMO)
    return found


def _is_stale(entry: Entry | None, own: Structure) -> bool:
    """Whether a golden is missing, differs, or lacks what an earlier fpcheck did not record."""
    if entry is None:
        return True
    held = entry.load().fingerprint.structure
    ours, theirs = alike(Fingerprint(held), Fingerprint(own))
    same = ours.structure.digest == theirs.structure.digest
    return not same or unrecorded(held, own) is not None


def regenerate() -> None:
    """Store what changed."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / FILE).write_text(HEADER + yaml.safe_dump(official_files()))
    for name, note, model in applications():
        request = RecordRequest(name=name, goldens=FOLDER, levels=("structure",), note=note)
        _tell(record_source(model, request, Options()))
    request = RecordRequest(
        name=DEMO,
        goldens=FOLDER,
        preprocess=demo.PREPROCESS,
        data=demo.TEST_IMAGES,
        note="The bundled digits model of fpcheck demo.",
    )
    # A relative path, so that the golden does not name this machine's folders.
    os.chdir(ROOT)
    _tell(record_source(demo.MODEL.relative_to(ROOT), request, Options()))


def _tell(recording: Any) -> None:
    print(recording.golden.label, "stored" if recording.stored else "unchanged")


def main() -> int:
    """Regenerate, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        regenerate()
        return 0
    found = stale()
    print("\n".join(f"stale: {name}" for name in found) or "fingerprints/ is current")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
