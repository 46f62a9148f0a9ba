"""How Keras 3 names the places in its weight files: by class, counted among siblings."""

import re

# Projections of an attention layer in its order, and the attribute that holds each.
PROJECTIONS = {"query": "query_dense", "key": "key_dense", "gate": "gate_dense",
               "value": "value_dense", "attention_output": "output_dense"}  # fmt: skip
ATTENTIONS = ("MultiHeadAttention", "GroupedQueryAttention")
_PRIVATE = re.compile("/_(" + "|".join(PROJECTIONS.values()) + r")(?=/|$)")


def snake_case(class_name: str) -> str:
    """`MultiHeadAttention` as `multi_head_attention`, by the rule that Keras uses."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(name: str, used: dict[str, int]) -> str:
    """The name, numbered from the second use on; `used` is counted up."""
    count = used.get(name, -1) + 1
    used[name] = count
    return f"{name}_{count}" if count else name


def public(place: str) -> str:
    """A place in a weight file with projections of attention layers under their public names.

    Which name a file has depends on the layer, and on the version of Keras that wrote it.
    """
    return _PRIVATE.sub(r"/\1", place)
