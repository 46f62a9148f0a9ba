"""Names of layers without the running numbers that Keras gives them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator


def stable_names(names: Iterable[str]) -> list[str]:
    """Names of sibling layers, independent of the running numbers that Keras gives them.

    Keras names a layer without a name by a counter of the process (`dense_7`), so inside custom
    layers and subclassed models the names differ from run to run. Siblings with the same stem get
    the names `dense`, `dense#1`, `dense#2` in the order of their numbers.
    """
    parts = [_split(name) for name in names]
    stable = [""] * len(parts)
    ranks = Counter[str]()
    for place in sorted(range(len(parts)), key=parts.__getitem__):
        stem = parts[place][0]
        stable[place] = f"{stem}#{ranks[stem]}" if ranks[stem] else stem
        ranks[stem] += 1
    return stable


def stable_paths(paths: Iterable[str]) -> dict[str, str]:
    """Each path, and the path made of stable names."""
    below: dict[str, list[str]] = {}
    for path in paths:
        first, _, rest = path.partition("/")
        below.setdefault(first, []).append(rest)
    stable: dict[str, str] = {}
    for first, name in zip(below, stable_names(below), strict=True):
        inner = stable_paths(rest for rest in below[first] if rest)
        stable |= {f"{first}/{old}": f"{name}/{new}" for old, new in inner.items()}
        stable[first] = name
    return stable


def stem(path: str) -> list[str]:
    """The names on a path, without their running numbers."""
    return [_split(name)[0] for name in path.split("/")]


def above(path: str) -> Iterator[str]:
    """The paths of what is around a layer, from the inside out."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _split(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.+?)_(\d+)", name)
    return (match[1], int(match[2])) if match else (name, 0)
