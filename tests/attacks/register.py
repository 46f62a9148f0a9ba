"""Where every file is listed, by the name it is written under."""

from collections.abc import Callable, Collection
from typing import Any

from attacks.valid import CONTAINERS, DENSE, OLD, Attack, Change, Libver, Place, Writer, write

ATTACKS: dict[str, Attack] = {}
# Odd, and either read or refused; what they add or name is neither opened, run nor printed raw.
TOLERATED: dict[str, Attack] = {}
BENIGN: dict[str, Attack] = {}
# Sound files with one bit turned: refused, or read as what they then are.
FLIPPED: dict[str, Attack] = {}
# No name in a legacy file leads to what is added, so nobody need look at it.
UNNAMED = (".h5",)


def listed(name: str, suffix: str, writer: Writer, kept: dict[str, Attack] = ATTACKS) -> None:
    """List one file under `name` and `suffix`; no two may share them."""
    assert name + suffix not in ATTACKS | TOLERATED | BENIGN | FLIPPED, name
    kept[name + suffix] = Attack(suffix, writer)


def from_bytes(
    name: str, suffix: str, make: Callable[[], bytes], kept: dict[str, Attack] = ATTACKS
) -> None:
    """List a file whose bytes need no folder; they are made when it is written."""
    listed(name, suffix, lambda path: write(path, make()), kept)


def changed(
    name: str, suffix: str, change: Change, libver: Libver = OLD, kept: dict[str, Attack] = ATTACKS
) -> None:
    """List one container with its weights changed."""
    build = CONTAINERS[suffix]
    listed(name, suffix, lambda path: write(path, build(change, path.parent, libver)), kept)


def everywhere(
    name: str, change: Change, libver: Libver = OLD, harmless: Collection[str] = ()
) -> None:
    """List a change in each container; in those where it is harmless it may be accepted."""
    for suffix in CONTAINERS:
        kept = TOLERATED if suffix in harmless else ATTACKS
        changed(name, suffix, change, libver, kept)


def attack(dense: bool = False, harmless: Collection[str] = ()) -> Callable[[Change], Change]:
    """List a change everywhere, under the function's name."""

    def register(change: Change) -> Change:
        name = change.__name__.replace("_", "-")
        everywhere(name, change, DENSE if dense else OLD, harmless)
        return change

    return register


def dataset(**how: Any) -> Change:
    """The change that makes the kernel another dataset."""

    def change(at: Place) -> None:
        at.dataset(**how)

    return change
