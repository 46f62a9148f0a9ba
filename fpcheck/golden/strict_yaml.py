"""YAML from files that people edit: plain data only, judged by its events before it is composed.

Safe loaders still expand aliases without end, crash on deep nesting and take the last of two equal
keys; anchors, aliases, tags, merge keys, equal keys and deep nesting are refused.
"""

from typing import Any, TypeVar

import msgspec
import yaml

from fpcheck.errors import FpcheckError

T = TypeVar("T")
# Ours nest four deep; libyaml's C code overflows its stack far above this.
DEEPEST = 32

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str, kind: type[T], where: str) -> T:
    """A YAML document as a typed value.

    Raises:
        FpcheckError: not YAML, not plain, or not of the type; names the file and the line.
    """
    try:
        _check_events(text, where)
        value = yaml.load(text, _LOADER)
        return msgspec.convert(value, kind)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise FpcheckError(f"{where}{line}: not YAML: {problem}", "Mend the file.") from error
    except msgspec.ValidationError as error:
        raise FpcheckError(f"{where}: {error}", "Mend the file.") from error


def _check_events(text: str, where: str) -> None:
    depth = 0
    keys: list[_Keys] = []
    for event in yaml.parse(text, _LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(where, line, "anchors and aliases are not allowed")
        if getattr(event, "tag", None):
            raise _refused(where, line, "tags are not allowed")
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            keys.pop()
            continue
        if keys and isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            repeated = keys[-1].take(event)
            if repeated is not None:
                raise _refused(where, line, f"the key {repeated!r} stands twice")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _refused(where, line, f"nested deeper than {DEEPEST}")
            keys.append(_Keys(isinstance(event, yaml.MappingStartEvent)))


class _Keys:
    """Tells keys from values in one mapping, and which keys it has seen."""

    def __init__(self, mapping: bool) -> None:
        self.mapping = mapping
        self.at_key = True
        self.seen: set[str] = set()

    def take(self, event: Any) -> str | None:
        """Note one key or value; returns a key that stands twice, or is a merge key."""
        if not self.mapping:
            return None
        is_key, self.at_key = self.at_key, not self.at_key
        key = getattr(event, "value", None)
        if not is_key or key is None:
            return None
        if key in self.seen or key == "<<":
            return str(key)
        self.seen.add(key)
        return None


def _refused(where: str, line: int, what: str) -> FpcheckError:
    return FpcheckError(f"{where}, line {line}: {what}", "Write plain keys and values.")
