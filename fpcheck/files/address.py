"""Addresses of remote files as text.

Credentials and query strings are used to open the address, never stored or printed: goldens,
reports and messages have the result of `shown`.
"""

import re

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://.+", re.DOTALL)
# `Path` turns two slashes into one, and the message that a path does not exist shows such a text.
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+:/{1,2}(?=[^/])"
_USER = re.compile(rf"({_SCHEME})([^/?#]*)@")
# Up to the next address, if one is read through another (`zip://...::https://...`).
_QUERY = re.compile(rf"({_SCHEME}[^?#]*)[?#].*?(?=::{_SCHEME}|$)", re.DOTALL)
# In these schemes, the text before an @ is part of the location: a repository or a container.
_LOCATED = ("hf:", "abfs:", "abfss:")


def is_address(text: str) -> bool:
    """Whether a source names a remote file."""
    return _ADDRESS.fullmatch(text) is not None


def shown(text: str) -> str:
    """A text without user, password, query and fragment of the addresses in it."""
    return _QUERY.sub(r"\1", _USER.sub(_without_user, text))


def _without_user(match: "re.Match[str]") -> str:
    kind, user = match.groups()
    return match[0] if kind.startswith(_LOCATED) and ":" not in user else kind


def last_name(address: str) -> str:
    """The name of the file at an address; empty for a folder."""
    return shown(address).rpartition("/")[2]


def beside(address: str, name: str) -> str:
    """The address of another file in the same folder, with the same credentials and query."""
    path = re.split("[?#]", address, maxsplit=1)[0]
    return f"{path.rpartition('/')[0]}/{name}{address[len(path) :]}"
