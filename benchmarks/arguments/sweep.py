"""Every other value of every argument of a class: which matter, and what is said of each."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras

from benchmarks.arguments import making, values
from benchmarks.arguments.given import Recipe, each
from benchmarks.arguments.routes import Meeting, Said


@dataclass
class Row:
    """One other value of one argument.

    Attributes:
        kind: the class.
        label: of its recipe.
        key: the argument; those of layers inside with their place.
        old, new: both values.
        apart: how far the outputs are, relative to their RMS.
        said: by route; only where the outputs differ.
        kept: routes whose file, loaded by Keras, gives the first model's outputs again: the
            argument is not in the file.
    """

    kind: str
    label: str
    key: str
    old: str
    new: str
    apart: float
    said: dict[str, Said] = field(default_factory=dict)
    kept: tuple[str, ...] = ()

    @property
    def tried(self) -> bool:
        """Whether it is another value that works."""
        return bool(self.new)

    @property
    def matters(self) -> bool:
        """Whether outputs differ by more than is allowed."""
        return not self.apart <= making.ALLOWED

    @property
    def bare(self) -> str:
        """The argument's own name."""
        return next(part for part in reversed(self.key.split(".")) if not part.isdecimal())

    def wrong(self, route: str) -> str:
        """What is wrong with what was said on a route; empty if nothing."""
        said = self.said.get(route)
        if said is None or said.verdict == "unsaved" or route in self.kept:
            return ""
        if not self.matters:
            return {"mismatch": "alarm", "refused": "refused"}.get(said.verdict, "")
        if said.verdict == "mismatch":
            # Findings on calls give all named arguments of both sides.
            call = "kwargs" if self.key.startswith("call.") else self.bare
            return "" if said.names(self.bare) or said.names(call) else "unnamed"
        return said.verdict

    def worst(self, routes: Iterable[str]) -> str:
        """The worst of what is wrong on some routes; empty if nothing."""
        found = {self.wrong(route) for route in routes}
        return next((wrong for wrong in WORST if wrong in found), "")


# What can be wrong with an answer, the worst first.
WORST = ("match", "alarm", "refused", "incomplete", "unnamed")


def kept(row: Row, meeting: Meeting, arrays: list[Any], old: list[Any]) -> tuple[str, ...]:
    """Routes on which the change is not in the file."""
    return tuple(r for r in row.said if row.wrong(r) and meeting.kept(r, arrays, old))


def rows(
    kind: type, ways: Iterable[Recipe], guessed: bool, folder: Path, most: int = values.MOST
) -> Iterator[Row]:
    """All rows of a class.

    Args:
        kind: the class.
        ways: how it is made and called.
        guessed: the first of them that works is the only one.
        folder: for files.
        most: values of one argument.
    """
    for recipe in ways:
        try:
            subject = _Subject(kind, recipe)
        except Exception as error:
            if guessed:
                continue
            raise RuntimeError(f"{kind.__name__} {recipe.label}: {error}") from error
        subject.meet(folder)
        yield from subject.rows(most)
        if guessed:
            return


class _Subject:
    """A good model of one layer, and its goldens."""

    def __init__(self, kind: Any, recipe: Recipe) -> None:
        self.kind, self.recipe = kind, recipe
        layer = recipe.made(kind)
        self.config = _config(layer)
        self.model = making.model_of(layer, recipe)
        making.fill(self.model)
        self.arrays = making.inputs_of(recipe.inputs)
        self.outputs = making.outputs(self.model, self.arrays)
        if making.difference(self.outputs, making.outputs(self.model, self.arrays)) > 0:
            raise RuntimeError("it gives other outputs each time")

    def meet(self, folder: Path) -> None:
        """Take the goldens."""
        self.meeting = Meeting(self.model, folder)

    def rows(self, most: int) -> Iterator[Row]:
        """All rows."""
        yield from self.itself()
        yield from self.configured(most)
        yield from self.constructed(most)
        yield from self.policies()
        yield from self.called()

    def itself(self) -> Iterator[Row]:
        """The same model: nothing may be found."""
        row = Row(self.kind.__name__, self.recipe.label, "", "", "", 0.0)
        row.said = self.meeting.said(self.model)
        yield row

    def configured(self, most: int) -> Iterator[Row]:
        """Every argument of the configuration."""
        for place, old in values.arguments(self.config):
            key = next(part for part in reversed(place) if isinstance(part, str))
            yield from self._tried(
                place,
                old,
                values.others(key, old),
                most,
                partial(self._configured, place),
            )

    def constructed(self, most: int) -> Iterator[Row]:
        """Every argument of the constructor that the configuration leaves out."""
        for name, parameter in inspect.signature(self.kind).parameters.items():
            if name in self.config or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                continue
            if parameter.default is parameter.empty:
                continue
            yield from self._tried(
                (name,),
                parameter.default,
                values.others(name, parameter.default),
                most,
                partial(self._constructed, name),
            )

    def policies(self) -> Iterator[Row]:
        """Other types of numbers, on the whole layer and on a part of it."""
        if "dtype" not in self.config:
            return
        whole: list[Any] = [*values.POLICIES]
        for name in ("layer", "layer/inner", "layer/query"):
            held = {name: keras.DTypePolicy("mixed_bfloat16")}
            whole.append(keras.dtype_policies.DTypePolicyMap("float32", held))
        yield from self._tried(
            ("dtype",),
            self.config["dtype"],
            whole,
            len(whole),
            lambda new: self._configured(("dtype",), _written(new)),
        )

    def called(self) -> Iterator[Row]:
        """Every flag of a plain call."""
        if self.recipe.call not in (None, each):
            return
        for name, parameter in inspect.signature(self.kind.call).parameters.items():
            if name == "training":
                candidates: list[Any] = [True]
            elif isinstance(parameter.default, bool):
                candidates = [not parameter.default]
            else:
                continue
            yield from self._tried(
                ("call", name),
                parameter.default,
                candidates,
                1,
                lambda new: self.kind.from_config(deepcopy(self.config)),
                name,
            )

    def _constructed(self, name: str, new: Any) -> Any:
        return Recipe({**self.recipe.arguments, name: new}).made(self.kind)

    def _configured(self, place: values.Path, new: Any) -> Any:
        # A copy, since Keras takes apart what it is given.
        return self.kind.from_config(deepcopy(values.changed(self.config, place, new)))

    def _tried(
        self,
        place: values.Path,
        old: Any,
        candidates: list[Any],
        most: int,
        made: Callable[[Any], Any],
        flag: str = "",
    ) -> Iterator[Row]:
        """A row for each candidate that the layer accepts, and with which it can be run."""
        count = 0
        for new in candidates:
            if count == most:
                return
            try:
                given = {flag: new} if flag else {}
                model = making.model_of(made(new), self.recipe, given)
                making.fill(model, self.model)
                outputs = making.outputs(model, self.arrays)
            except Exception:  # whatever a layer raises at an argument that it does not accept
                continue
            count += 1
            yield self._row(place, old, new, model, outputs)
        if not count:
            yield Row(self.kind.__name__, self.recipe.label, _joined(place), _shown(old), "", 0.0)

    def _row(self, place: values.Path, old: Any, new: Any, model: Any, given: list[Any]) -> Row:
        apart = making.difference(self.outputs, given)
        row = Row(
            self.kind.__name__, self.recipe.label, _joined(place), _shown(old), _shown(new), apart
        )
        if row.matters:
            row.said = self.meeting.said(model)
            row.kept = kept(row, self.meeting, self.arrays, self.outputs)
        return row


def _config(layer: Any) -> dict[str, Any]:
    """A configuration as files hold it."""
    return dict(keras.saving.serialize_keras_object(layer)["config"])


def _joined(place: values.Path) -> str:
    return ".".join(str(part) for part in place if part != "config")


def _written(policy: Any) -> Any:
    return policy if isinstance(policy, str) else keras.dtype_policies.serialize(policy)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        value = (value["class_name"], value.get("config"))
    return repr(value)[:80]
