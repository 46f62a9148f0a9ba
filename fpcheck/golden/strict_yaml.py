"""YAML from files that people edit: plain data only.

Safe loaders still expand aliases without end, crash on deep nesting and accept repeated keys. So
anchors, aliases, tags, merge keys, repeated keys and deep nesting are refused before loading.
"""

import re
from collections.abc import Iterator
from itertools import cycle, repeat
from typing import Any, ClassVar, TypeVar

import msgspec
import yaml

from fpcheck.errors import FpcheckError

T = TypeVar("T")
# Goldens nest four deep; libyaml overflows its stack far above this depth.
DEEPEST = 32

_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SAFE_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_SAFE_LOADER):  # type: ignore[misc]
    """Recognises null, true, false and plain numbers; dates, base 60 and octal remain text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


class Dumper(_SAFE_DUMPER):  # type: ignore[misc]
    """Writes what `load` reads: quotes texts that `load` would read as numbers."""


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
    """A YAML document as a typed value; FpcheckError says where it is not, or not plain."""
    try:
        _check_events(text, where)
        value = yaml.load(text, _Loader)
        return msgspec.convert(value, kind)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise FpcheckError(f"{where}{line}: not YAML: {problem}", "Correct the file.") from error
    except msgspec.ValidationError as error:
        raise FpcheckError(f"{where}: {error}", "Correct the file.") from error
    except FpcheckError as error:  # from a type that validates itself
        if error.fact.startswith(where):
            raise
        raise FpcheckError(f"{where}: {error.fact}", error.advice) from error


def _check_events(text: str, where: str) -> None:
    # For each open collection, whether its next item is a key (then the keys before it), or not.
    opened: list[Iterator[set[str] | None]] = []
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(where, line, "anchors and aliases are not allowed")
        if getattr(event, "tag", None):
            raise _refused(where, line, "tags are not allowed")
        if isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
        elif isinstance(event, yaml.NodeEvent):
            keys, key = next(opened[-1]) if opened else None, getattr(event, "value", None)
            if keys is not None and key is not None:
                if key == "<<":
                    raise _refused(where, line, "merge keys are not allowed")
                if key in keys:
                    raise _refused(where, line, f"the key {key!r} is repeated")
                keys.add(key)
        if isinstance(event, yaml.CollectionStartEvent):
            if len(opened) == DEEPEST:
                raise _refused(where, line, f"nested deeper than {DEEPEST}")
            mapping = isinstance(event, yaml.MappingStartEvent)
            opened.append(cycle((set(), None)) if mapping else repeat(None))


def _refused(where: str, line: int, what: str) -> FpcheckError:
    return FpcheckError(f"{where}, line {line}: {what}", "Write plain keys and values.")
