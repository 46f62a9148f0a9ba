"""How Keras 3 names the groups in its weight files: by class, counted among siblings."""

import re

# The projections of an attention layer, in its order, and the attribute for each.
PROJECTIONS = {
    "query": "query_dense",
    "key": "key_dense",
    "gate": "gate_dense",
    "value": "value_dense",
    "attention_output": "output_dense",
}
ATTENTIONS = ("MultiHeadAttention", "GroupedQueryAttention")
_PRIVATE = re.compile("/_(" + "|".join(PROJECTIONS.values()) + r")(?=/|$)")


def snake_case(class_name: str) -> str:
    """`MultiHeadAttention` as `multi_head_attention`, by the rule of Keras."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(name: str, used: dict[str, int]) -> str:
    """The name, numbered from its second use on; `used` counts the uses."""
    count = used.get(name, -1) + 1
    used[name] = count
    return f"{name}_{count}" if count else name


def public(group: str) -> str:
    """The path of a group, with the public names of the projections of attention layers.

    Whether a file has the public or the private name depends on the layer and on the version of
    Keras that wrote the file.
    """
    return _PRIVATE.sub(r"/\1", group)
