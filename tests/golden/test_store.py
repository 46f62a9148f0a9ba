"""The store: versions only ever added, written whole or not at all, any changed byte found."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from builders import fingerprint, golden, outputs, perceptron

from fpcheck.comparison.tolerance import Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.golden import arrays
from fpcheck.golden.document import SEAL, Editable
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import Entry, Store, nearest_folder

NET = perceptron(4)
FULL = fingerprint(NET, outputs=outputs(NET))
RESTORE = "Restore it from version control (git checkout)"


def saved(folder: Path, made: Golden | None = None) -> Entry:
    return Store(folder).save(made or golden(FULL))


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    found = entry.load()
    assert files(tmp_path) == ["net/1.h5", "net/1.yaml"]
    assert (entry.label, entry.document()[0].note) == ("net@1", "trained by hand")
    assert (found.label, found.path) == ("net@1", tmp_path / "net" / "1.yaml")
    assert (found.note, found.tolerances) == ("trained by hand", golden(FULL).tolerances)
    assert (found.provenance, found.source) == (golden(FULL).provenance, golden(FULL).source)
    assert arrays.encode(found.fingerprint) == arrays.encode(FULL)


def test_recording_twice_gives_equal_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        saved(tmp_path / folder)
    for suffix in (".h5", ".yaml"):
        first, second = (tmp_path / folder / "net" / f"1{suffix}" for folder in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_every_changed_byte_of_the_arrays_is_found(tmp_path: Path) -> None:
    entry = saved(tmp_path, golden(Fingerprint(NET)))
    path = entry.path.with_suffix(".h5")
    whole = path.read_bytes()
    fact = f"{path}: damaged golden: it is not the file that 1.yaml describes"
    for _ in flips(path, range(len(whole))):
        with pytest.raises(FpcheckError) as caught:
            entry.load()
        assert str(caught.value) == f"{fact}\n{RESTORE}, or record it again."
    assert entry.load().label == "net@1"


def flips(path: Path, places: Iterable[int], bits: Iterable[int] | None = None) -> Iterator[int]:
    """Change one bit of a file at a time (of each byte another, or those given), and undo it."""
    whole = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for place in places:
            for bit in bits or (place % 8,):
                os.pwrite(file.fileno(), bytes([whole[place] ^ (1 << bit)]), place)
                yield place
            os.pwrite(file.fileno(), whole[place : place + 1], place)


def test_every_changed_byte_of_what_is_recorded_is_found(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    whole = entry.path.read_bytes()
    start = whole.index(SEAL.encode())
    facts = set()
    for _ in flips(entry.path, range(start, len(whole))):
        with pytest.raises(FpcheckError) as caught:
            entry.load()
        facts.add(caught.value.fact.removeprefix(f"{entry.path}: damaged golden: "))
    assert facts == {"its seal is missing", "its recorded part was changed", "not UTF-8 text"}


def test_every_changed_bit_of_what_may_be_edited_is_an_edit_or_is_refused(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    whole = entry.path.read_bytes()
    own = Editable("trained by hand", golden(FULL).tolerances)
    outcomes = {"edited": 0, "refused": 0}
    for place in flips(entry.path, range(whole.index(SEAL.encode())), range(8)):
        try:
            found = entry.load()
        except FpcheckError:
            outcomes["refused"] += 1
        else:
            outcomes["edited"] += 1
            assert Editable(found.note, found.tolerances) != own, place
            assert arrays.encode(found.fingerprint) == arrays.encode(FULL)
    assert min(outcomes.values()) > 20


def test_files_cut_short_are_found(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    for path in (entry.path, entry.path.with_suffix(".h5")):
        whole = path.read_bytes()
        for size in (0, 1, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(FpcheckError, match="damaged golden"):
                entry.load()
        path.write_bytes(whole)


def test_the_arrays_of_another_golden_are_found(tmp_path: Path) -> None:
    entry, other = saved(tmp_path), saved(tmp_path, golden(Fingerprint(NET), "other"))
    path = entry.path.with_suffix(".h5")
    path.write_bytes(other.path.with_suffix(".h5").read_bytes())
    with pytest.raises(FpcheckError) as caught:
        entry.load()
    assert str(caught.value) == (
        f"{path}: damaged golden: it is not the file that 1.yaml describes\n"
        f"{RESTORE}, or record it again."
    )


def test_a_stored_version_is_never_rewritten(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    before = [entry.path.read_bytes(), entry.path.with_suffix(".h5").read_bytes()]
    for made in (golden(FULL), golden(Fingerprint(NET), note="other")):
        with pytest.raises(FpcheckError) as caught:
            saved(tmp_path, made)
        assert caught.value.fact == f"{entry.path}: this version is stored already"
    assert [entry.path.read_bytes(), entry.path.with_suffix(".h5").read_bytes()] == before
    assert files(tmp_path) == ["net/1.h5", "net/1.yaml"]


def test_a_version_whose_arrays_are_lost_gets_no_other_arrays(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    entry.path.with_suffix(".h5").unlink()
    with pytest.raises(FpcheckError):
        saved(tmp_path, golden(Fingerprint(NET)))
    assert files(tmp_path) == ["net/1.yaml"]


def test_the_arrays_of_a_recording_that_was_cut_off_are_replaced(tmp_path: Path) -> None:
    orphan = tmp_path / "net" / "1.h5"
    orphan.parent.mkdir()
    orphan.write_bytes(b"half")
    assert Store(tmp_path).names() == []
    assert saved(tmp_path).load().label == "net@1"


@pytest.mark.parametrize("call", ["fsync", "link", "fdopen"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_leaves_no_golden_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: int
) -> None:
    calls, real = [], getattr(os, call)

    def failing(*arguments: object, **more: object) -> object:
        calls.append(1)
        if len(calls) > after:
            raise OSError(28, "No space left on device")
        return real(*arguments, **more)

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(FpcheckError) as caught:
        saved(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/net/1.yaml: cannot be stored (No space left on device)\n"
        "Choose another folder with --goldens DIR."
    )
    assert files(tmp_path) == ["net/1.h5"][:after]
    monkeypatch.undo()
    assert saved(tmp_path).load().label == "net@1"


EDITED = Editable("now: seen\nby two", Tolerances(outputs="float16"))


def test_note_and_tolerances_are_edited_and_all_that_is_sealed_stays(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    entry.path.write_text(f"# read by Ann\n{entry.path.read_text()}")
    sealed = entry.path.read_bytes().partition(SEAL.encode())[2]
    Store(tmp_path).edit(entry, EDITED)
    text = entry.path.read_bytes()
    assert text.startswith(b"# read by Ann\nnote: ")
    assert text.partition(SEAL.encode())[2] == sealed
    found = entry.load()
    assert (found.note, found.tolerances) == ("now: seen\nby two", EDITED.tolerances)
    assert files(tmp_path) == ["net/1.h5", "net/1.yaml"]


def test_a_damaged_golden_is_not_edited(tmp_path: Path) -> None:
    entry = saved(tmp_path)
    entry.path.write_bytes(entry.path.read_bytes() + b" ")
    before = entry.path.read_bytes()
    with pytest.raises(FpcheckError, match="damaged golden: its recorded part was changed"):
        Store(tmp_path).edit(entry, EDITED)
    assert entry.path.read_bytes() == before


@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen"])
def test_a_full_disk_leaves_the_golden_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    entry = saved(tmp_path)
    before = entry.path.read_bytes()

    def failing(*arguments: object, **more: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(FpcheckError) as caught:
        Store(tmp_path).edit(entry, EDITED)
    assert str(caught.value) == (
        f"{entry.path}: cannot be written (No space left on device)\n"
        "Edit its note and tolerances by hand, above the seal."
    )
    assert entry.path.read_bytes() == before
    assert files(tmp_path) == ["net/1.h5", "net/1.yaml"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net").write_text("x")
    with pytest.raises(FpcheckError) as caught:
        saved(tmp_path)
    assert caught.value.fact == f"{tmp_path}/net/1.yaml: cannot be stored (File exists)"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\n", "ä", "a" * 129]
)
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FpcheckError) as caught:
        saved(tmp_path, golden(FULL, name))
    assert str(caught.value) == (
        f"{name}: not a name for a golden\nAllowed: letters, digits, '.', '_' and '-', at most 128."
    )
    assert Store(tmp_path).entry(name, 1) is None
    assert files(tmp_path) == []


@pytest.mark.parametrize("moved", ["other/1", "net/2"])
def test_a_golden_in_another_place_is_refused(tmp_path: Path, moved: str) -> None:
    entry = saved(tmp_path)
    for suffix in (".yaml", ".h5"):
        target = (tmp_path / moved).with_suffix(suffix)
        target.parent.mkdir(exist_ok=True)
        entry.path.with_suffix(suffix).rename(target)
    path = tmp_path / f"{moved}.yaml"
    with pytest.raises(FpcheckError) as caught:
        Entry(path).load()
    assert str(caught.value) == f"{path}: contains the golden net@1\nMove it to net/1.yaml."


@pytest.mark.parametrize("suffix", [".yaml", ".h5"])
def test_a_missing_file_is_reported(tmp_path: Path, suffix: str) -> None:
    entry = saved(tmp_path)
    path = entry.path.with_suffix(suffix)
    path.unlink()
    with pytest.raises(FpcheckError) as caught:
        entry.load()
    assert str(caught.value) == (
        f"{path}: golden net@1 cannot be read (No such file or directory)\n{RESTORE}."
    )


def test_names_and_versions_are_listed_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert (store.names(), Store(tmp_path / "none").names(), list(store.newest())) == ([], [], [])
    for name, version in [("b", 1), ("a", 10), ("a", 2), ("a", 1)]:
        saved(tmp_path, golden(Fingerprint(NET), name, version))
    (tmp_path / "empty").mkdir()
    (tmp_path / "b" / "README.yaml").write_text("")
    (tmp_path / "b" / "7.h5").write_text("")
    (tmp_path / "official-weights.yaml").write_text("")
    assert store.names() == ["a", "b"]
    assert (store.versions("a"), store.versions("b"), store.versions("c")) == ([1, 2, 10], [1], [])
    assert [e.label for e in store.entries()] == ["a@1", "a@2", "a@10", "b@1"]
    assert [e.label for e in store.newest()] == ["a@10", "b@1"]


def test_an_entry_is_the_newest_version_or_the_one_named(tmp_path: Path) -> None:
    for version in (1, 2):
        saved(tmp_path, golden(Fingerprint(NET), "a", version))
    store = Store(tmp_path)
    found = [store.entry("a"), store.entry("a", 1), store.entry("a", 2)]
    assert [entry and entry.label for entry in found] == ["a@2", "a@1", "a@2"]
    assert [store.entry("a", 3), store.entry("a", 0), store.entry("b")] == [None, None, None]


def test_the_nearest_folder_of_goldens_is_found_from_below(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert nearest_folder(deep) == deep / "fingerprints"
    (tmp_path / "fingerprints").mkdir()
    assert nearest_folder(deep) == tmp_path / "fingerprints"
    (tmp_path / "a" / "fingerprints").write_text("a file is no folder")
    assert nearest_folder(deep) == tmp_path / "fingerprints"
    (tmp_path / "a" / "b" / "fingerprints").mkdir()
    assert nearest_folder(deep) == tmp_path / "a" / "b" / "fingerprints"
