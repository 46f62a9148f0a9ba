"""Commands and options as users type them: in a shell, and in Python.

Every message takes its commands from `command`, and names options as the shell has them. The Python
API passes what it returns and raises through `in_python`, so that no other module needs to know who
reads its text.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from fpcheck.errors import FpcheckError
from fpcheck.files.address import shown

# What follows an option and is no value of it.
_PROSE = {"and", "or", "to", "with", "of", "is", "says", "names"}
_FLAGS = {"static", "trust", "full"}
_WITH_VALUE = {"levels", "weights", "seed", "model", "custom-objects", "backend", "preprocess"} | {
    "probes",
    "data",
    "tolerance",
    "note",
    "golden",
    "goldens",
}
# Options that Python needs no argument for.
_ELSEWHERE = {"debug": "the traceback", "verbose": "report.findings"}
_OPTION = re.compile(r"(?<![\w/.=-])--([a-z][a-z-]*)(?: ('[^']*'|[^\s']+))?")
# A command stands last on its line.
_COMMAND = re.compile(r"\bfpcheck (record|compare|show) (.+)$")
_TRAILING = ".,:;)"


def command(verb: str, *words: str, **options: Any) -> str:
    """A command that runs as printed: quoted for a shell, without what is secret in an address.

    Options have their names in Python. None, False and empty ones are left out.
    """
    named: list[str] = []
    for name, value in options.items():
        if value is None or value is False or value in ("", ()):
            continue
        named.append(f"--{name.replace('_', '-')}")
        if value is not True:
            named.append(shown(",".join(value) if isinstance(value, tuple) else str(value)))
    given = [*map(shown, words)]
    # An argument that starts like an option comes after all of these.
    last = any(word.startswith("-") for word in words)
    return shlex.join(["fpcheck", verb, *([*named, "--", *given] if last else [*given, *named])])


def given(values: msgspec.Struct) -> dict[str, Any]:
    """The fields of a request that are not at their defaults: what the user asked for."""
    return {
        field.name: value
        for field in msgspec.structs.fields(values)
        if (value := getattr(values, field.name)) != field.default
    }


def some(names: Iterable[str], most: int = 3) -> str:
    """A few names for a sentence: `a, b, c and 4 more`."""
    every = list(names)
    first = ", ".join(every[:most])
    return first if len(every) <= most else f"{first} and {len(every) - most} more"


def in_python(text: str) -> str:
    """A message with the commands and options of the Python API."""
    return "\n".join(map(_line, text.split("\n")))


@contextmanager
def for_python() -> Iterator[None]:
    """What is raised inside has the words of the Python API."""
    try:
        yield
    except FpcheckError as error:
        error.fact, error.advice = in_python(error.fact), in_python(error.advice)
        error.args = (error.fact, error.advice)
        raise


def _line(text: str) -> str:
    found = _COMMAND.search(text)
    call = _call(found[1], found[2]) if found else None
    before = text[: found.start()] if found and call else text
    return _OPTION.sub(_argument, before) + (call or "")


def _argument(found: "re.Match[str]") -> str:
    name, value = found[1], found[2]
    after = "" if value is None else f" {value}"
    if name in _ELSEWHERE:
        return _ELSEWHERE[name] + after
    if name in _FLAGS:
        return f"{name}=True{after}"
    if name not in _WITH_VALUE:
        return found[0]
    plain = (value or "").strip("'").rstrip(_TRAILING)
    if not plain or plain in _PROSE:
        return f"{name.replace('-', '_')}=…{after}"
    end = value[len(value.rstrip(_TRAILING)) :]
    return _keyword(name, plain) + end


def _keyword(name: str, value: str) -> str:
    literal = value if name == "seed" else _quoted(value)
    if name == "levels":
        parts = ", ".join(_quoted(part.strip()) for part in value.split(","))
        literal = f"[{'...' if value == 'LIST' else parts}]"
    return f"{name.replace('-', '_')}={literal}"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _call(verb: str, rest: str) -> str | None:
    """A command as a call; None where it is none."""
    try:
        words = shlex.split(rest)
    except ValueError:
        return None
    function = {"record": "record", "compare": "compare", "show": "load_golden"}[verb]
    if words == ["--help"]:
        return f"help(fpcheck.{function})"
    arguments: list[str] = []
    keywords: list[str] = []
    named = iter(words)
    for word in named:
        name = word.removeprefix("--")
        if word == "--":
            arguments += [_positional(other) for other in named]
        elif name == word:
            arguments.append(_positional(word))
        elif name in _FLAGS:
            keywords.append(f"{name}=True")
        elif name in _WITH_VALUE:
            keywords.append(_keyword(name, next(named, "")))
        else:
            return None
    return f"fpcheck.{function}({', '.join([*arguments, *keywords])})"


def _positional(word: str) -> str:
    """A source in memory is shown by its class and name; the caller has it as a variable."""
    return "model" if word.startswith("<") else _quoted(word)
