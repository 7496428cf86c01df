"""Names and spellings of network shapes: `default`, `width=256,blocks=1`, `high,components=5`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from nelloc.errors import NellocError
from nelloc.exact.context import input_count
from nelloc.exact.model import MAX_COMPONENTS, MAX_FILE_BYTES, MAX_HORIZON, MAX_LAYERS, MAX_WIDTH, output_count
from nelloc.training.networks.full import FullConfig
from nelloc.training.networks.local import THESIS, LocalConfig

# Named like the shipped models of these shapes; earlier models did not see borders.
SHAPES = {
    "fast": LocalConfig(width=128, borders=True),
    "default": LocalConfig(borders=True),
    "high": LocalConfig(width=416, depth=3, components=20, borders=True),
    "fast-gray": LocalConfig(width=160, channels=1, borders=True),
    "default-gray": LocalConfig(channels=1, borders=True),
    "high-gray": LocalConfig(width=416, components=20, channels=1, borders=True),
    **THESIS,
}
# Limit of a model file, at a byte each; training takes about 20 times as much memory.
MAX_WEIGHTS = MAX_FILE_BYTES
Shape = TypeVar("Shape", LocalConfig, FullConfig)
_LIMITS = {
    "horizon": (1, MAX_HORIZON),
    "width": (1, MAX_WIDTH),
    "blocks": (0, (MAX_LAYERS - 3) // 3),
    "components": (1, MAX_COMPONENTS),
    "depth": (0, MAX_LAYERS - 2),
}


def parse_shape(text: str) -> LocalConfig:
    """Parse a shape: a name, or ``key=value`` pairs, or both, separated by commas.

    Keys are the fields of LocalConfig; missing ones come from the named shape or, without a name, from LocalConfig's
    defaults. Raises NellocError naming the part that is wrong.
    """
    first, *rest = text.split(",")
    if "=" in first:
        shape, rest = LocalConfig(), [first, *rest]
    elif first in SHAPES:
        shape = SHAPES[first]
    else:
        raise NellocError(
            f"model {text}: {first!r} is not a shape; choose {', '.join(SHAPES)}, or spell one: width=256"
        )
    return _with_fields(shape, rest, text)


def parse_fields(text: str, shape: Shape) -> Shape:
    """Parse ``key=value`` pairs with commas between, and apply them to ``shape``.

    Raises NellocError naming the part that is wrong.
    """
    return _with_fields(shape, text.split(","), text)


def _with_fields(shape: Shape, parts: Sequence[str], text: str) -> Shape:
    """Apply the ``parts`` of ``text`` to ``shape``."""
    changes: dict[str, Any] = {}
    for part in parts:
        key, _, value = part.partition("=")
        if key in changes:
            raise NellocError(f"model {text}: {key} is given twice; give it once")
        changes[key] = _value(text, key, value, shape)
    shape = replace(shape, **changes)
    if isinstance(shape, LocalConfig) and len(shape.layer_sizes) > MAX_LAYERS:
        raise NellocError(f"model {text}: {len(shape.layer_sizes)} layers are too many; choose at most {MAX_LAYERS}")
    if weight_count(shape) > MAX_WEIGHTS:
        raise NellocError(
            f"model {text}: has {weight_count(shape):,} weights, more than the {MAX_WEIGHTS:,} that a model may have; "
            "choose fewer or narrower layers"
        )
    return shape


def weight_count(shape: LocalConfig | FullConfig) -> int:
    """Number of weights in the layers of a network of this shape, without biases."""
    if isinstance(shape, LocalConfig):
        return sum(inputs * outputs for inputs, outputs in shape.layer_sizes)
    width = shape.width
    first = input_count(shape.horizon, shape.channels, shape.inputs)
    middle = shape.blocks * (2 + shape.kernel**2 // 2 + 1) + 1
    return width * (first + middle * width + output_count(shape.components, shape.channels))


def spell(shape: LocalConfig) -> str:
    """Complete spelling of ``shape`` that ``parse_shape`` reads."""
    return ",".join(f"{field.name}={getattr(shape, field.name)}".lower() for field in fields(shape))


def _value(text: str, key: str, value: str, shape: LocalConfig | FullConfig) -> Any:
    kinds = {field.name: type(field.default) for field in fields(shape)}
    if key not in kinds:
        raise NellocError(f"model {text}: {key!r} is not a field of a shape; use one of {', '.join(kinds)}")
    if kinds[key] is bool:
        if value not in ("true", "false"):
            raise NellocError(f"model {text}: {key} is true or false, not {value!r}")
        return value == "true"
    if kinds[key] is str:
        return value
    low, high = _LIMITS.get(key, (1, MAX_WIDTH))
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise NellocError(f"model {text}: {key} is a number from {low} to {high}, not {value!r}")
    return int(value)
