"""Hostile files through the reader that needs no framework: what it refuses, and what it touches.

The files are generated in `tests/attacks`; they are read by a process without threads, so that the
reader may fork, which takes a tenth of the time of a new process for each.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from attacks import ATTACKS, BENIGN, FLIPPED, TOLERATED
from attacks.reading import Outcome, outcomes
from attacks.refusals import refusal, table

from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.workflows.hash_ import hash_weights

LINUX = sys.platform == "linux"
# Shares of the work for two processes, by what names end in.
SHARES = {
    "h5": lambda name: name.endswith(".h5") and not name.endswith(".weights.h5"),
    "keras": lambda name: name.endswith(".keras"),
    "others": lambda name: name.endswith(".weights.h5") or not name.endswith((".h5", ".keras")),
}
# Attacks that are whole data of another kind under the name of a model; the gate passes over them.
DATA = {
    "hdf5-without-a-model.h5",
    "netcdf.h5",
    "npy.h5",
    "npz.keras",
    "npz-of-objects.keras",
    "png.h5",
}
TINY_ID = "b3:0cc3444f46e24222141ad8fb0204e14ec1f2e31a11ab45454f7abe562d87ee32"


def _unexpected(found: list[Outcome]) -> dict[str, str]:
    """What no file may cause, whatever else comes of it."""
    bug = re.compile("(.*: )?reading failed: |.*ended with status [1-9]", re.DOTALL)
    return {o.name: o.failure or o.fact for o in found if o.failure or bug.match(o.fact)}


def _touched_elsewhere(found: list[Outcome]) -> dict[str, list[str]]:
    """What else in their folders was opened, changed or made, by the files that caused it."""
    wrong = {}
    for outcome in found:
        own = {outcome.name, *(n for n in outcome.touched if re.search(r"_\d{5}\.weights\.h5$", n))}
        if outcome.name == "shard-neighbour.weights.json":  # says that it is a shard
            own.add("neighbour.weights.h5")
        if others := {*outcome.touched} - own:
            wrong[outcome.name] = sorted(others)
    return wrong


@pytest.mark.parametrize("share", SHARES)
def test_an_attack_is_refused_with_its_fact_and_advice(share: str, tmp_path: Path) -> None:
    found = outcomes(tmp_path, filter(SHARES[share], ATTACKS))
    assert len(found) > 100
    assert {
        o.name: (o.accepted, o.failure, o.fact, o.advice)
        for o in found
        if not refusal(o.name).says(o.fact, o.advice, o.path)
    } == {}
    assert {o.name for o in found if o.no_model} == {*filter(SHARES[share], DATA)}
    assert _unexpected(found) == {}
    assert _touched_elsewhere(found) == {}


def test_every_attack_has_one_refusal_and_every_refusal_an_attack() -> None:
    assert {name for name in ATTACKS if sum(row.is_for(name) for row in table()) != 1} == set()
    for row in table():
        for pattern in row.names:
            alone = row._replace(names=[pattern])
            assert any(alone.is_for(name) for name in ATTACKS | TOLERATED), pattern


def test_odd_files_are_read_or_refused_and_nothing_in_them_is_run_or_followed(
    tmp_path: Path,
) -> None:
    found = outcomes(tmp_path, TOLERATED)
    assert len(found) > 100
    assert _unexpected(found) == {}
    assert _touched_elsewhere(found) == {}
    assert list(tmp_path.rglob("*.EXECUTED")) == []
    if LINUX:  # what is touched is seen
        assert {o.name for o in found if o.name not in o.touched} == set()


def test_sound_files_are_read_and_one_model_has_one_content_id_in_every_spelling(
    tmp_path: Path,
) -> None:
    found = outcomes(tmp_path, BENIGN)
    assert {o.name: o.fact or o.failure for o in found if not o.accepted} == {}
    assert _touched_elsewhere(found) == {}
    ids = {o.name: o.accepted for o in found if o.name.startswith(("tiny", "zip"))}
    assert ids == dict.fromkeys(ids, TINY_ID)
    assert len(ids) > 15


def test_a_turned_bit_is_refused_or_read_as_what_is_then_there(tmp_path: Path) -> None:
    found = outcomes(tmp_path, FLIPPED, seconds=3.0)
    assert [o.name for o in found if o.no_model] == []
    assert len(found) == 150
    assert _unexpected(found) == {}
    # In an archive every byte of a member stands under a checksum.
    archives = {o.name: o.accepted for o in found if o.name.endswith(".keras")}
    assert {name: own for name, own in archives.items() if own not in ("", TINY_ID)} == {}


def test_a_file_is_closed_once_it_is_read_or_refused(tmp_path: Path) -> None:
    names = [
        "tiny.h5",
        "tiny-deflated.keras",
        "tiny-sharded.weights.json",
        "cut-at-96.h5",
        "config-null.keras",
        "external-link.keras",
        "shard-symlink.weights.json",
    ]
    assert {o.name: o.left_open for o in outcomes(tmp_path, names)} == dict.fromkeys(names, 0)


def _fpcheck(*args: str | Path, path: str = "", python: Iterable[str] = ()) -> tuple[int, str, str]:
    """Exit code, output, and errors of a command."""
    folders = os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *python, "-m", "fpcheck", *args],
        env={**os.environ, "PYTHONPATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "external-link.keras",
        "index-of-itself.h5",
        "zip-bomb-weights.keras",
        "config-deep-lists.h5",
        "shard-device.weights.json",
        "link-to-zeros.h5",
        "line\r\n::error::all is well-cut.h5",
        "\x1b[31mred\x07-cut.h5",
    ],
)
def test_the_command_line_ends_with_two_lines_and_exit_code_2(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    ATTACKS[name].write(path)
    code, out, err = _fpcheck("hash", path, "--static")
    fact, advice = err.removesuffix("\n").split("\n")
    shown = re.sub(r"[\x00-\x1f]", lambda c: c[0].encode("unicode_escape").decode(), str(path))
    assert (code, out, fact[:7]) == (2, "", "error: ")
    row = refusal(name)
    assert row.says(fact.removeprefix("error: "), advice, shown)
    assert (fact + advice).isprintable()


def _tiny(folder: Path) -> Path:
    path = folder / "tiny.keras"
    BENIGN[path.name].write(path)
    return path


def test_neither_the_command_nor_the_child_that_reads_imports_a_framework(tmp_path: Path) -> None:
    # Every process that runs lists the modules that it imports on its standard error.
    code, out, err = _fpcheck("hash", _tiny(tmp_path), "--static", python=["-X", "importtime"])
    assert (code, out) == (0, f"{TINY_ID}\n")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in err.splitlines()}
    assert {"fpcheck", "h5py"} <= imported
    assert imported & {"tensorflow", "keras", "jax", "torch"} == set()


def test_files_are_recorded_and_compared_where_no_framework_can_be_imported(tmp_path: Path) -> None:
    for framework in ("tensorflow", "keras"):
        broken = f"raise ImportError({framework!r})\n"
        (tmp_path / f"{framework}.py").write_text(broken)
    goldens = ("--goldens", tmp_path / "goldens")
    model = _tiny(tmp_path)
    recorded = _fpcheck("record", model, "tiny", "--static", *goldens, path=str(tmp_path))
    assert (recorded[0], recorded[2]) == (0, "")
    for name in ("tiny.keras", "tiny.h5"):
        BENIGN[name].write(tmp_path / name)
        static = ("compare", tmp_path / name, "--static", "--golden", "tiny", *goldens)
        code, out, err = _fpcheck(*static, path=str(tmp_path))
        assert (code, err) == (0, ""), out


def test_where_forking_is_not_safe_a_process_of_its_own_reads(tmp_path: Path) -> None:
    done = threading.Event()
    threading.Thread(target=done.wait).start()
    try:
        assert hash_weights(_tiny(tmp_path), Options(static=True)) == TINY_ID
        for name in ("index-of-itself.h5", "external-link.keras"):
            path = tmp_path / name
            ATTACKS[name].write(path)
            with pytest.raises(FpcheckError) as caught:
                hash_weights(path, Options(static=True))
            assert refusal(name).says(caught.value.fact, caught.value.advice, str(path))
    finally:
        done.set()
