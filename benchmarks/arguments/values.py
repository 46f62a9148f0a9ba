"""Other values for an argument, by its name and by what it is; what a layer refuses is left out."""

from collections.abc import Iterator
from typing import Any

ACTIVATIONS = ["relu", "tanh", "sigmoid", "gelu", "softmax"]
BY_NAME: dict[str, list[Any]] = {
    "activation": ACTIVATIONS,
    "recurrent_activation": ["relu", "hard_sigmoid"],
    "padding": ["same", "valid", "causal"],
    "data_format": ["channels_first", "channels_last"],
    "interpolation": ["nearest", "bilinear", "bicubic", "lanczos3", "area"],
    "fill_mode": ["constant", "reflect", "wrap", "nearest"],
    "merge_mode": ["concat", "sum", "mul", "ave", None],
    "output_mode": ["int", "one_hot", "multi_hot", "count", "tf_idf"],
    "score_mode": ["dot", "concat"],
    "standardize": ["lower", "strip_punctuation", None, "lower_and_strip_punctuation"],
    "split": ["whitespace", "character", None],
    "encoding": ["latin-1", "utf-16"],
    "vocabulary_dtype": ["int32", "string"],
    "oov_method": ["hash", "floormod"],
    "window": ["hann", "hamming", None],
    "mode": ["log", "magnitude", "psd", "real", "imag", "angle", "stft", "horizontal"],
    "scaling": ["density", "spectrum"],
    "equation": ["abc,cd->adb", "abc,bd->acd", "abc,cd->abd"],
    "bias_axes": ["b", "bd", None],
    "oov_token": ["tea", "none", 3, "[OOV]"],
    "mask_token": ["tea", "none", 3, ""],
    "mask_value": ["tea", "none", 3.0, None],
    "salt": [7, [7, 8], "pepper"],
    "ngrams": [2, (1, 3), None],
    "idf_weights": [],
    "use_cudnn": [True, False],
    "axis": [1, 2, -1, -2, [1], [1, 2], [-1], None],
    "axes": [1, 2, -1, [1, 2], [2, 1]],
    "shared_axes": [[1], [1, 2], None],
    "attention_axes": [[1], [2], [1, 2]],
    "dims": [(1, 2), (2, 1), (1, 2, 3), (3, 1, 2), (2, 1, 3)],
    "target_shape": [(3, 2), (6,), (-1, 3), (1, 6), (2, 3)],
    "output_shape": [4, 7, (None, 4), (2, 2)],
    "groups": [1, 2, 3],
    "value_range": [(0, 1), (-1, 1), (0, 128)],
    "max_value": [1.0, 6.0, None],
    "mean": [0.25, None],
    "variance": [0.25, None],
    "sliding_window": [1, 2],
    "strides": [1, 2, 3],
    "pool_size": [1, 2, 3],
    "dilation_rate": [2, 3],
    "output_padding": [0, 1],
    "output_sequence_length": [1, 6, None],
    "max_tokens": [4, 5, 9, 20],
    "noise_shape": [(None, 1)],
    "function": [lambda x: x * 3.0],
    "arguments": [{"factor": 2.0}],
    "mask": [lambda inputs, mask=None: None],
    "sparse": [True],
    "ragged": [True],
    "cropping": [0, 1, 2],
    "size": [1, 3],
    "logit_soft_cap": [1.0, 5.0, None],
    "reverse_dtype": ["float16", "bfloat16"],
    "renorm_clipping": [{"rmax": 1.1, "rmin": 0.9, "dmax": 0.1}],
    "quantization_config": [],
    "weights": [],
    "gptq_unpacked_column_size": [],
    "backward_layer": [None],
    "batch_size": [3],
    "flash_attention": [False, True],
    "lora_rank": [1, 2],
    "lora_alpha": [3.0],
    "dtype": ["mixed_bfloat16", "float64", "float16", "int32"],
    "batch_shape": [(None, 7), (3, 6)],
}
POLICIES = [
    "float16",
    "mixed_float16",
    "mixed_bfloat16",
    "bfloat16",
    "float64",
    "int8_from_float32",
    "float8_from_float32",
]
# Names decide nothing; the layer's own policy is tried by itself.
LEFT_OUT = frozenset({"name", "module", "registered_name", "build_config"})
# Values tried for one argument, of those that work.
MOST = 6

Path = tuple[str | int, ...]


def arguments(config: dict[str, Any], inner: bool = False) -> Iterator[tuple[Path, Any]]:
    """Every argument of a configuration, those of layers inside it too: its place and its value."""
    for key, value in config.items():
        if key not in LEFT_OUT and (inner or key != "dtype"):
            yield (key,), value
            yield from _inside((key,), value)


def _inside(place: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, list | tuple):
        for number, item in enumerate(value):
            if _is_layer(item):
                yield from _inside((*place, number), item)
    elif _is_layer(value):
        for path, inner in arguments(value["config"], inner=True):
            yield (*place, "config", *path), inner


def _is_layer(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("config"), dict)
        and str(value.get("module", "")).startswith("keras.layers")
    )


def changed(value: Any, place: Path, new: Any) -> Any:
    """A configuration with one value replaced."""
    if not place:
        return new
    first, *rest = place
    if isinstance(value, dict):
        return {**value, first: changed(value.get(first), tuple(rest), new)}
    items = list(value)
    items[int(first)] = changed(items[int(first)], tuple(rest), new)
    return items


def others(key: str, value: Any) -> list[Any]:
    """Other values for an argument, likely ones first, each once."""
    found: list[Any] = []
    for other in [*_by_name(key), *_by_type(key, value)]:
        if not _same(other, value) and not any(_same(other, one) for one in found):
            found.append(other)
    return found


def _same(first: Any, second: Any) -> bool:
    def bare(value: Any) -> Any:
        return [bare(item) for item in value] if isinstance(value, list | tuple) else value

    first, second = bare(first), bare(second)
    return type(first) is type(second) and repr(first) == repr(second)


def _by_name(key: str) -> list[Any]:
    if key.endswith("_initializer"):
        return ["zeros", "ones"][:1]
    if key.endswith("_regularizer"):
        return ["l2"]
    if key.endswith("_constraint"):
        return ["non_neg"]
    return BY_NAME.get(key, [])


def _by_type(key: str, value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 2 * value, value - 1, -value]
    if isinstance(value, float):
        return [2 * value + 0.5, value / 2, 0.0, -value]
    if isinstance(value, str):
        return [] if key in BY_NAME else ["other"]
    if value is None:
        return [] if key in BY_NAME or key.endswith(_TRAINING) else [2, 0.5, True, "other"]
    if isinstance(value, list | tuple) and not any(map(_is_layer, value)):
        return list(_lists(value))
    return []


_TRAINING = ("_initializer", "_regularizer", "_constraint")


def _lists(value: list[Any] | tuple[Any, ...]) -> Iterator[list[Any]]:
    """Of a list: its first item changed, its last, all, turned round, one fewer, one more."""
    for place in sorted({0, len(value) - 1}):
        for other in _by_type("", value[place])[:1] if value else []:
            yield [*value[:place], other, *value[place + 1 :]]
    mapped = [other[0] for item in value if (other := _by_type("", item))]
    if len(mapped) == len(value):
        yield mapped
    yield list(value)[::-1]
    yield list(value)[:-1]
    if value:
        yield [*value, *_by_type("", value[-1])[:1]]
