"""Section 2: model files, and the logistic table of section 6."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

from independent.notation import require

ELEMENT = {"I8": "b", "U8": "B", "I16": "h", "U16": "H", "I32": "i", "U32": "I", "I64": "q", "U64": "Q"}
CONTEXT_TABLES = [
    f"context.{name}" for name in ("thresholds", "input_scale", "activity_input", "mean_scale", "scale_offset")
]
MIXTURE_TABLES = [f"mixture.{name}" for name in ("logistic", "exponential", "inverse_scale")]


@dataclass
class Layer:
    """One layer of the network: for each output its weights, bias and shift."""

    weight: list[tuple[int, ...]]
    bias: tuple[int, ...]
    shift: tuple[int, ...]
    skip: int | None


@dataclass
class Model:
    """A model file (section 2): its settings, the layers, the tables by name, and the table U of section 6."""

    horizon: int
    components: int
    joint: bool
    channels: int
    raw: bool
    borders: bool
    layers: list[Layer]
    tables: dict[str, tuple[int, ...]]
    logistic: list[int]


def load_model(data: bytes) -> Model:
    """Section 2: a model from the bytes of its file."""
    try:
        return parse_model(data)
    except (KeyError, TypeError, IndexError, AttributeError, struct.error) as error:
        raise ValueError(f"not a model file: {error!r}") from error


def parse_model(data: bytes) -> Model:
    """Section 2: the same for a file whose parts are all there and of the right types."""
    (length,) = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    about = json.loads(header.pop("__metadata__")["about"])
    require(about["format"] == "nelloc-model" and about["version"] == 1, "unknown format or version of the model")
    h, components, skips = about["horizon"], about["components"], about["skips"]
    channels, inputs = about.get("channels", 3), about.get("inputs", "normalised")
    require(channels in (1, 3) and inputs in ("normalised", "raw"), "unknown channels or inputs")
    raw = inputs == "raw"
    require(h >= (1 if raw else 2) and components >= 1, "horizon or components not defined")
    borders = about.get("borders", False)
    require(h <= 6 or not borders, "horizon not defined with borders")
    features = channels * 2 * h * (h + 1) + (0 if raw else channels + 1) + (3 if borders else 0)

    def tensor(name: str) -> tuple[int, ...]:
        begin, end = header[name]["data_offsets"]
        element = ELEMENT[header[name]["dtype"]]
        return struct.unpack(f"<{(end - begin) // struct.calcsize('<' + element)}{element}", body[begin:end])

    layers: list[Layer] = []
    for i, skip in enumerate(skips):
        (rows, columns), flat = header[f"layer.{i}.weight"]["shape"], tensor(f"layer.{i}.weight")
        weight = [flat[k * columns : (k + 1) * columns] for k in range(rows)]
        layer = Layer(weight, tensor(f"layer.{i}.bias"), tensor(f"layer.{i}.shift"), skip)
        require(len(flat) == rows * columns and len(layer.bias) == len(layer.shift) == rows, "bad shape of a layer")
        require(columns == (len(layers[-1].bias) if layers else features), "layers do not fit together")
        require(skip is None or (0 <= skip < i and len(layers[skip].bias) == rows), f"bad skip of layer {i}")
        for row, bias in zip(weight, layer.bias, strict=True):
            limit = (255 if i else 384) * sum(map(abs, row)) + abs(bias)
            require(limit < 1 << 24, f"weights of layer {i} too large")
        layers.append(layer)
    outputs = (10 if channels == 3 else 3) * components
    require(bool(layers) and len(layers[-1].bias) == outputs, "the last layer does not fit the mixture")
    require(max(t["data_offsets"][1] for t in header.values()) == len(body), "the tensors do not fill the file")
    tables = {name: tensor(name) for name in CONTEXT_TABLES + MIXTURE_TABLES}
    levels = {len(tables[name]) for name in CONTEXT_TABLES}
    require(levels == {1} or (len(levels) == 1 and not raw), "tables of wrong numbers of levels")
    logistic = logistic_table(tables["mixture.logistic"])
    return Model(h, components, about["joint"], channels, raw, borders, layers, tables, logistic)


def logistic_table(coarse: tuple[int, ...]) -> list[int]:
    """Section 6, logistic table: U, which interpolates C."""
    fine = []
    for k in range(16 * (len(coarse) - 1)):
        c, f = divmod(2 * k + 1, 32)
        fine.append((coarse[c] * (32 - f) + coarse[c + 1] * f + 512) >> 10)
    fine[-1] = 32768
    return fine
