"""YAML from files that people edit: plain data only, judged by its events before it is composed.

Safe loaders still expand aliases without end, crash on deep nesting and take the last of two equal
keys; anchors, aliases, tags, merge keys, equal keys and deep nesting are refused.
"""

import re
from typing import Any, ClassVar, TypeVar

import msgspec
import yaml

from fpcheck.errors import FpcheckError

T = TypeVar("T")
# Ours nest four deep; libyaml's C code overflows its stack far above this.
DEEPEST = 32

_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SAFE_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_SAFE_LOADER):  # type: ignore[misc]
    """Knows null, true, false and plain numbers; dates, base 60 and octal stay text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


class Dumper(_SAFE_DUMPER):  # type: ignore[misc]
    """Writes what `load` reads back: also quotes texts that only `load` would take for numbers."""


_NUMERIC = list("-+.0123456789")
_FLOAT = r"^[-+]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,3})?$|^[-+]?\.(?:inf|nan)$"
for _tag, _pattern, _starts in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", list("tf")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", _NUMERIC),
    ("float", _FLOAT, _NUMERIC),
):
    for _side in (_Loader, Dumper):
        _side.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _starts)


def load(text: str, kind: type[T], where: str) -> T:
    """A YAML document as a typed value.

    Raises:
        FpcheckError: not YAML, not plain, or not of the type; names the file and the line.
    """
    try:
        _check_events(text, where)
        value = yaml.load(text, _Loader)
        return msgspec.convert(value, kind)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise FpcheckError(f"{where}{line}: not YAML: {problem}", "Mend the file.") from error
    except msgspec.ValidationError as error:
        raise FpcheckError(f"{where}: {error}", "Mend the file.") from error
    except FpcheckError as error:  # of a value that checks itself
        if error.fact.startswith(where):
            raise
        raise FpcheckError(f"{where}: {error.fact}", error.advice) from error


def _check_events(text: str, where: str) -> None:
    depth = 0
    keys: list[_Keys] = []
    for event in yaml.parse(text, _Loader):
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
            if repeated == "<<":
                raise _refused(where, line, "merge keys are not allowed")
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
