"""Weights in shards: a JSON map whose file names lead astray, or that is no map."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import h5py

from attacks.register import ATTACKS, BENIGN, TOLERATED, listed
from attacks.valid import Attack, Change, Json, Place, keras, neighbour, weights_h5, write

FIRST, SECOND = "/layers/dense/vars", "/layers/dense_1/vars"
SUFFIX = ".weights.json"


def _without(place: str) -> Change:
    def change(at: Place) -> None:
        for number in "01":
            del at.file[f"{place}/{number}"]

    return change


def _shard(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name.removesuffix(SUFFIX)}_{number:05}.weights.h5")


def shards(path: Path) -> Json:
    """Write both shards, and give the map that belongs to them."""
    write(_shard(path, 0), weights_h5(_without(SECOND)))
    write(_shard(path, 1), weights_h5(_without(FIRST)))
    places = {FIRST: [_shard(path, 0).name], SECOND: [_shard(path, 1).name]}
    return {"metadata": {"total_size": 92.0}, "weight_map": places}


def _list(
    name: str, make: Callable[[Path, Json], str | bytes], kept: dict[str, Attack] = ATTACKS
) -> None:
    def writer(path: Path) -> None:
        told = make(path, shards(path))
        path.write_bytes(told.encode() if isinstance(told, str) else told)

    listed(name, SUFFIX, writer, kept)


def _named(find: Callable[[Path], Json]) -> Callable[[Path, Json], str]:
    """Say that the second layer lies in another file."""

    def make(path: Path, told: Json) -> str:
        told["weight_map"][SECOND] = [find(path)]
        return json.dumps(told)

    return make


def _instead(make: Callable[[Path, Path], object]) -> Callable[[Path, Json], str]:
    """Put something else where the second shard lies."""

    def changed(path: Path, told: Json) -> str:
        second = _shard(path, 1)
        moved = second.rename(second.with_suffix(".moved"))
        make(second, moved)
        return json.dumps(told)

    return changed


def _map(**fields: Json) -> Callable[[Path, Json], str]:
    return lambda _, told: json.dumps({**told, **fields})


def _external(second: Path, moved: Path) -> None:
    second.write_bytes(moved.read_bytes())
    with h5py.File(second, "r+") as file:
        del file[f"{SECOND}/0"]
        file[f"{SECOND}/0"] = h5py.ExternalLink(neighbour(second.parent), "/kernel")


def _beside(path: Path) -> Path:
    return _shard(path.resolve(), 1)


NAMED: dict[str, Callable[[Path], Json]] = {
    "parent": lambda path: f"../{_beside(path).parent.name}/{_beside(path).name}",
    "absolute": lambda path: str(_beside(path)),
    "subfolder": lambda path: f"./{_beside(path).name}",
    "passwd": lambda _: "/etc/passwd",
    "device": lambda _: "/dev/zero",
    "neighbour": lambda path: neighbour(path.parent).name,
    "itself": lambda path: path.name,
    "missing": lambda _: "missing.weights.h5",
    "folder": lambda _: ".",
    "empty": lambda _: "",
    "nul": lambda path: _beside(path).name + "\0",
    "surrogate": lambda _: "\ud800.weights.h5",
    "number": lambda _: 7,
    "object": lambda _: {},
    "long": lambda _: "a" * 5000,
    "the-wrong-shard": lambda path: _shard(path, 0).name,
}
for _name, _find in NAMED.items():
    _list(f"shard-{_name}", _named(_find))

INSTEAD: dict[str, Callable[[Path, Path], object]] = {
    "symlink": lambda second, moved: second.symlink_to(moved),
    "symlink-to-device": lambda second, _: second.symlink_to("/dev/zero"),
    "pipe": lambda second, _: os.mkfifo(second),
    "a-folder": lambda second, _: second.mkdir(),
    "a-keras-archive": lambda second, _: second.write_bytes(keras()),
    "cut": lambda second, moved: second.write_bytes(moved.read_bytes()[:999]),
    "with-an-external-link": _external,
}
for _name, _make in INSTEAD.items():
    _list(f"shard-{_name}", _instead(_make))

MAPS: dict[str, Callable[[Path, Json], str | bytes]] = {
    "empty-file": lambda *_: "",
    "not-json": lambda *_: "weight_map",
    "not-utf8": lambda *_: b'{"weight_map": "\xff"}',
    "list": lambda _, told: json.dumps([told]),
    "empty-object": lambda *_: "{}",
    "deep": lambda *_: "[" * 100_000,
    "duplicate-key": lambda _, told: json.dumps(told)[:-1] + ', "weight_map": {}}',
    "no-weights": _map(weight_map={}),
    "weights-list": _map(weight_map=[[FIRST, SECOND]]),
    "weights-null": _map(weight_map=None),
    "no-files": _map(weight_map={FIRST: [], SECOND: []}),
    "100000-shards": _map(weight_map={f"/layers/{n}/vars": [f"{n}.h5"] for n in range(100_000)}),
}
for _name, _told in MAPS.items():
    _list(f"shards-{_name}", _told)


def _as_text(_: Path, told: Json) -> str:
    places = {key: files[0] for key, files in told["weight_map"].items()}
    return json.dumps({**told, "weight_map": places})


_list("tiny-sharded", _map(), BENIGN)
_list("tiny-sharded-names-as-text", _as_text, BENIGN)
# Nobody asks for the total.
_list("shards-overflow", lambda _, told: json.dumps(told).replace("92.0", "1e999"), TOLERATED)
_list("shards-total-size-lies", _map(metadata={"total_size": -1}), TOLERATED)
