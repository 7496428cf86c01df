"""Integer model files: reading, checking and writing.

A model file is a safetensors file of integers; docs/FORMAT.md lists its tensors. Its SHA-256 is
the model's identity. Loading proves that no sum inside the network can reach 2**24, so that
the network can be evaluated in float32 without rounding, or refuses the file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, get_args

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from nelloc.errors import NellocError
from nelloc.exact.context import INPUT_CLIP, INPUT_STEPS, ContextTables, Inputs, input_count
from nelloc.exact.safetensors_header import read_metadata

T = TypeVar("T", int, bool)

MODEL_FORMAT = "nelloc-model"
MODEL_VERSION = 1
ID_BYTES = 4  # of the SHA-256, as files name a model
ACTIVATION_MAX = 255
SUM_LIMIT = 2**24  # float32 holds every integer below this
MAX_FILE_BYTES = 64 << 20
MAX_SHIFT = 23
# The activity needs a window of at least two rows; raw inputs have none.
MIN_HORIZON, MAX_HORIZON, MAX_COMPONENTS, MAX_WIDTH, MAX_LAYERS = 2, 8, 32, 4096, 64

# Fixed-point conventions of the mixture; see docs/FORMAT.md.
LOGISTIC_BITS = 15  # the logistic table's maximum is 2**15
LOGISTIC_STEPS = 1024  # entries per unit of the standard logistic, after interpolation
COARSE_STEPS = 64  # entries per unit in the model file
COARSE_BITS = 20
WEIGHT_BITS = 13
LOGIT_STEPS = 64
SCALE_FRACTION_BITS = 14
# Fractional bits of activations, and of outputs: logits, means, log2-scales, channel coefficients.
ACTIVATION_BITS = 5
LOGIT_BITS, MEAN_BITS, SCALE_BITS, COEFFICIENT_BITS = 6, 8, 5, 8


@dataclass(frozen=True)
class Layer:
    """One dense layer: ``weight`` (out, in), ``bias`` (out,), ``shift`` (out,), all int32.

    Its output is ``(weight @ x + bias) >> shift``; if ``skip`` is not None, the output of layer
    ``skip`` is added. Every layer but the last is then clamped to 0..255.
    """

    weight: NDArray[np.int32]
    bias: NDArray[np.int32]
    shift: NDArray[np.int32]
    skip: int | None = None


@dataclass(frozen=True)
class MixtureTables:
    """Integer tables of the mixture.

    ``logistic`` (coarse): the logistic CDF at 0, 1/64, 2/64, ..., in units of 2**-20.
    ``exponential``: exp(-n/64) for logit distances n, in units of 2**-16.
    ``inverse_scale``: per log-scale index, logistic table steps per 1/64 gray level, 14 fractional bits.
    """

    logistic: NDArray[np.int32]
    exponential: NDArray[np.int32]
    inverse_scale: NDArray[np.int32]

    @cached_property
    def logistic_fine(self) -> NDArray[np.int32]:
        """The logistic CDF for every table index, 0 to 2**15, by linear interpolation (see docs/FORMAT.md)."""
        factor = LOGISTIC_STEPS // COARSE_STEPS
        coarse = self.logistic.astype(np.int64)
        half_steps = np.arange((len(coarse) - 1) * factor) * 2 + 1  # bin centres, in half steps
        cell, part = np.divmod(half_steps, 2 * factor)
        upper = coarse[cell] * (2 * factor - part) + coarse[cell + 1] * part
        shift = COARSE_BITS - LOGISTIC_BITS + (2 * factor).bit_length() - 1
        upper = (upper + (1 << (shift - 1))) >> shift
        upper[-1] = 1 << LOGISTIC_BITS
        return np.concatenate([(1 << LOGISTIC_BITS) - upper[::-1], upper]).astype(np.int32)


def output_count(components: int, channels: int) -> int:
    """Number of network outputs: K logits; per channel K means and K log-scales; for RGB 3K coefficients too."""
    return components * (1 + 2 * channels + (3 if channels == 3 else 0))


def output_bits(components: int, channels: int = 3) -> list[int]:
    """Fractional bits of each output: logits K; per channel K means and K log2-scales; for RGB coefficients 3K."""
    k, c = components, channels
    coefficients = [COEFFICIENT_BITS] * (3 * k if c == 3 else 0)
    return [LOGIT_BITS] * k + [MEAN_BITS] * c * k + [SCALE_BITS] * c * k + coefficients


@dataclass(frozen=True, eq=False)
class ExactModel:
    """A checked integer model. ``channels`` is 3 (RGB, and gray as RGB of equal channels) or 1 (gray only).

    Models are told apart by ``sha256``; as keys of a cache they are equal only to themselves.
    """

    horizon: int
    components: int
    joint: bool
    channels: int
    inputs: Inputs
    borders: bool
    layers: tuple[Layer, ...]
    context: ContextTables
    mixture: MixtureTables
    sha256: bytes
    size: int

    @property
    def id(self) -> bytes:
        """The first bytes of the file's SHA-256, as compressed files name it."""
        return self.sha256[:ID_BYTES]

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per pixel."""
        return sum(layer.weight.size for layer in self.layers)


def model_id(data: bytes) -> bytes:
    """The id of a model file: the first bytes of its SHA-256, as compressed files name it."""
    return hashlib.sha256(data).digest()[:ID_BYTES]


_UNUSABLE = (
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    OverflowError,
    RecursionError,
    safetensors.SafetensorError,
)


def load_model(data: bytes, source: str = "model") -> ExactModel:
    """Read and check a model file. Raises NellocError naming ``source`` and what is wrong with it."""
    try:
        if len(data) > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
        about = _about(data)
        tensors = safetensors.numpy.load(data)
        model = _build(about, tensors, data)
        _check(model)
    except _UNUSABLE as error:
        raise NellocError(f"{source}: not a usable nelloc model ({error}); use a file made by nelloc") from error
    return model


def save_model(
    *,
    horizon: int,
    components: int,
    joint: bool,
    layers: tuple[Layer, ...],
    context: ContextTables,
    mixture: MixtureTables,
    channels: int = 3,
    inputs: Inputs = "normalised",
    borders: bool = False,
) -> bytes:
    """The bytes of a model file; the same integers always give the same bytes."""
    about = {
        "format": MODEL_FORMAT,
        "version": MODEL_VERSION,
        "horizon": horizon,
        "components": components,
        "joint": joint,
        "skips": [layer.skip for layer in layers],
    }
    # Default values are left out, so that a model without these fields keeps its bytes.
    if channels != 3:
        about["channels"] = channels
    if inputs != "normalised":
        about["inputs"] = inputs
    if borders:
        about["borders"] = True
    tensors: dict[str, NDArray] = {}
    for index, layer in enumerate(layers):
        largest = np.abs(layer.weight).max()
        stored = np.int8 if largest <= 127 else np.int16 if largest < 1 << 15 else np.int32
        tensors[f"layer.{index}.weight"] = layer.weight.astype(stored)
        tensors[f"layer.{index}.bias"] = layer.bias.astype(np.int32)
        tensors[f"layer.{index}.shift"] = layer.shift.astype(np.uint8)
    for name in ContextTables.__dataclass_fields__:
        tensors[f"context.{name}"] = getattr(context, name).astype(np.int32)
    for name in MixtureTables.__dataclass_fields__:
        tensors[f"mixture.{name}"] = getattr(mixture, name).astype(np.int32)
    # Some versions of safetensors save the memory of arrays that are not in C order.
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return safetensors.numpy.save(tensors, metadata={"about": json.dumps(about, sort_keys=True)})


def _about(data: bytes) -> dict:
    """The description in the file's metadata."""
    about = json.loads(read_metadata(data, "about"))
    if about["format"] != MODEL_FORMAT:
        raise ValueError("its format is not nelloc-model")
    if about["version"] != MODEL_VERSION:
        raise ValueError(f"model version {about['version']} is not supported here; a newer nelloc may read it")
    return about


def _build(about: dict, tensors: dict[str, NDArray], data: bytes) -> ExactModel:
    left = dict(tensors)

    def integers(name: str) -> NDArray[np.int32]:
        array = left.pop(name)
        if array.dtype.kind not in "iu":
            raise ValueError(f"{name} is not made of integers")
        if array.size and (array.min() < -(2**31) or array.max() >= 2**31):
            raise ValueError(f"{name} does not fit 32 bits")
        return array.astype(np.int32)

    skips = about["skips"]
    layers = tuple(
        Layer(
            integers(f"layer.{i}.weight"),
            integers(f"layer.{i}.bias"),
            integers(f"layer.{i}.shift"),
            None if skip is None else _typed(int, skip),
        )
        for i, skip in enumerate(skips)
    )
    context = ContextTables(**{name: integers(f"context.{name}") for name in ContextTables.__dataclass_fields__})
    mixture = MixtureTables(**{name: integers(f"mixture.{name}") for name in MixtureTables.__dataclass_fields__})
    _require(not left, f"it has the unknown tensor {min(left, default='')!r}")
    return ExactModel(
        horizon=_typed(int, about["horizon"]),
        components=_typed(int, about["components"]),
        joint=_typed(bool, about["joint"]),
        channels=_typed(int, about.get("channels", 3)),
        inputs=about.get("inputs", "normalised"),
        borders=_typed(bool, about.get("borders", False)),
        layers=layers,
        context=context,
        mixture=mixture,
        sha256=hashlib.sha256(data).digest(),
        size=len(data),
    )


def _typed(kind: type[T], value: object) -> T:
    """A value of the description. Raises ValueError if its type is not ``kind``; true and false are not numbers."""
    if type(value) is kind:
        return value
    raise ValueError(f"its description has {value!r} instead of {'an integer' if kind is int else 'true or false'}")


def _check(model: ExactModel) -> None:
    """Raise ValueError unless every later computation stays within its proven range."""
    _require(model.channels in (1, 3), "its number of channels is neither 1 nor 3")
    _require(model.inputs in get_args(Inputs), "its kind of inputs is unknown")
    raw = model.inputs == "raw"
    _require((1 if raw else MIN_HORIZON) <= model.horizon <= MAX_HORIZON, "its horizon is out of range")
    # The largest input is a distance of the horizon.
    _require(not model.borders or model.horizon * INPUT_STEPS <= INPUT_CLIP, "its horizon is too large for borders")
    _require(1 <= model.components <= MAX_COMPONENTS, "its number of components is out of range")
    _require(2 <= len(model.layers) <= MAX_LAYERS, "its number of layers is out of range")
    _check_layers(model)
    _check_context(model.context)
    _require(not raw or len(model.context.thresholds) == 1, "its raw inputs have more than one activity level")
    _check_mixture(model.mixture)


def _check_layers(model: ExactModel) -> None:
    width = input_count(model.horizon, model.channels, model.inputs, model.borders)
    outputs = output_count(model.components, model.channels)
    for index, layer in enumerate(model.layers):
        name = f"layer {index}"
        rows = len(layer.bias)
        final = index == len(model.layers) - 1
        shapes = layer.weight.shape, layer.bias.shape, layer.shift.shape
        _require(shapes == ((rows, width), (rows,), (rows,)), f"{name} has a wrong shape")
        _require(rows == outputs if final else 1 <= rows <= MAX_WIDTH, f"{name} has a wrong width")
        _require(bool(((layer.shift >= 0) & (layer.shift <= MAX_SHIFT)).all()), f"{name} has a wrong shift")
        largest = INPUT_CLIP if index == 0 else ACTIVATION_MAX
        sums = largest * np.abs(layer.weight.astype(np.int64)).sum(axis=1) + np.abs(layer.bias.astype(np.int64))
        _require(bool((sums < SUM_LIMIT).all()), f"a sum in {name} can reach 2**24")
        if layer.skip is not None:
            _require(not final and 0 <= layer.skip < index, f"{name} has a wrong skip")
            _require(len(model.layers[layer.skip].bias) == rows, f"{name} skips from another width")
        width = rows


def _check_context(tables: ContextTables) -> None:
    count = len(tables.thresholds)
    _require(tables.thresholds.shape == (count,) and 1 <= count <= 1024, "its activity table is malformed")
    _require(tables.thresholds[0] == 0, "its activity table does not begin with 0")
    _require(bool((_differences(tables.thresholds) > 0).all()), "its activity table is not increasing")
    limits = {
        "input_scale": (1, 16000),
        "activity_input": (-INPUT_CLIP, INPUT_CLIP),
        "mean_scale": (1, 1 << 16),
        "scale_offset": (-(1 << 12), 1 << 12),
    }
    for name, (low, high) in limits.items():
        table = getattr(tables, name)
        _require(table.shape == (count,), f"its table {name} has a wrong length")
        _require(bool(((table >= low) & (table <= high)).all()), f"its table {name} is out of range")


def _check_mixture(tables: MixtureTables) -> None:
    logistic, exponential, inverse = tables.logistic, tables.exponential, tables.inverse_scale
    _require(logistic.ndim == exponential.ndim == inverse.ndim == 1, "its mixture tables are malformed")
    _require(2 <= len(logistic) <= 4096 and logistic[0] == 1 << (COARSE_BITS - 1), "its logistic table is malformed")
    monotone = bool((_differences(logistic) >= 0).all()) and logistic[-1] <= 1 << COARSE_BITS
    _require(monotone, "its logistic table is not a distribution")
    _require(1 <= len(exponential) <= 4096 and exponential[0] == 1 << 16, "its exponential table is malformed")
    decreasing = bool((_differences(exponential) <= 0).all()) and exponential[-1] >= 0
    _require(decreasing, "its exponential table is not decreasing")
    in_range = bool(((inverse >= 1) & (inverse < 1 << 24)).all())
    _require(1 <= len(inverse) <= 4096 and in_range, "its scale table is malformed")


def _differences(table: NDArray[np.int32]) -> NDArray[np.int64]:
    """Differences of neighbouring entries, which in 32 bits could wrap around."""
    wide = table.astype(np.int64)
    return wide[1:] - wide[:-1]


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
