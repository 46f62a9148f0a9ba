"""Addresses as text: what is one, how it is shown, and what lies beside it.

Who knows a user's name and password, or the signature in a query, can read what the address leads
to. So only opening a file uses an address whole; goldens, reports and messages have it as `shown`.
"""

import re

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://.+", re.DOTALL)
# A path makes one slash of two, and such a text is shown too, in the message that nothing is there.
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+:/{1,2}(?=[^/])"
_USER = re.compile(rf"({_SCHEME})([^/?#]*)@")
# As far as the next address, where one is read through another (`zip://...::https://...`).
_QUERY = re.compile(rf"({_SCHEME}[^?#]*)[?#].*?(?=::{_SCHEME}|$)", re.DOTALL)
# Here what stands before an @ is part of the place: a repository, or a container.
_PLACES = ("hf:", "abfs:", "abfss:")


def is_address(text: str) -> bool:
    """Whether a source names a remote file."""
    return _ADDRESS.fullmatch(text) is not None


def scheme(address: str) -> str:
    """What kind of address it is: `s3`, `https` and so on."""
    return address.partition("://")[0]


def shown(text: str) -> str:
    """A text without what is secret in an address: user, password, query and fragment."""
    return _QUERY.sub(r"\1", _USER.sub(_without_user, text))


def _without_user(found: "re.Match[str]") -> str:
    kind, user = found.groups()
    return found[0] if kind.startswith(_PLACES) and ":" not in user else kind


def last_name(address: str) -> str:
    """The name of the file that it leads to; empty for a folder."""
    return shown(address).rpartition("/")[2]


def beside(address: str, name: str) -> str:
    """The address of another file in the same folder, with the same rights."""
    place = re.split("[?#]", address, maxsplit=1)[0]
    return f"{place.rpartition('/')[0]}/{name}{address[len(place) :]}"
