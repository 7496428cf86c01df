"""Optional backends on torch: float32 on the CPU or a GPU, and int8 kernels on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.backends.interface import Evaluator
from nelloc.exact.model import ACTIVATION_MAX, ExactModel
from nelloc.extras import problem

# int8 kernels are compiled per shape: rows are padded to a multiple of this.
INT8_ROWS = 256
OFFSET = 128  # 0..255 activations are held as -128..127


class TorchFloatBackend:
    """Float-carried integers in torch's float32 products, on ``device``."""

    def __init__(self, name: str, device: str):
        self.name = name
        self._device = device

    def available(self) -> str | None:
        """Reason why the backend cannot run here, as a sentence, or None if it can."""
        missing = _torch_missing()
        if missing is None and self._device == "cuda":
            import torch

            if not torch.cuda.is_available():
                return "torch finds no CUDA device"
        return missing

    def prepare(self, model: ExactModel) -> Evaluator:
        """Make an evaluator of ``model``, without a test of its results."""
        return _TorchFloatEvaluator(model, self._device)


class TorchInt8Backend:
    """torch's int8 products for every layer but the first, whose 10-bit numbers stay in float32."""

    name = "torch-int8"

    def available(self) -> str | None:
        """Reason why the backend cannot run here, as a sentence, or None if it can."""
        return _torch_missing()

    def prepare(self, model: ExactModel) -> Evaluator:
        """Make an evaluator of ``model``, without a test of its results."""
        return _TorchInt8Evaluator(model)


def _torch_missing() -> str | None:
    reason = problem("torch", "train")
    return None if reason is None else f"torch {reason}"


class _TorchFloatEvaluator:
    def __init__(self, model: ExactModel, device: str):
        import torch

        # TF32 would round the operands; the known-answer test also catches it.
        torch.backends.cuda.matmul.allow_tf32 = False
        self._torch = torch
        self._device = device
        self._layers = []
        for layer in model.layers:
            scale = 2.0 ** -layer.shift[:, None].astype(np.float64)
            weight = torch.tensor(layer.weight * scale, dtype=torch.float32, device=device)
            bias = torch.tensor(layer.bias[:, None] * scale, dtype=torch.float32, device=device)
            self._layers.append((weight, bias, layer.skip))

    def __call__(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        torch = self._torch
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(inputs)).to(self._device)
            activations: list[Any] = []
            for weight, bias, skip in self._layers[:-1]:
                x = torch.addmm(bias, weight, x).floor_()
                if skip is not None:
                    x += activations[skip]
                x.clamp_(0, ACTIVATION_MAX)
                activations.append(x)
            weight, bias, _ = self._layers[-1]
            outputs = torch.addmm(bias, weight, x).floor_()
            return outputs.cpu().numpy(), x.cpu().numpy()


class _TorchInt8Evaluator:
    def __init__(self, model: ExactModel):
        import torch

        self._torch = torch
        first = model.layers[0]
        scale = 2.0 ** -first.shift[None, :].astype(np.float64)
        self._first_weight = torch.tensor(first.weight.T * scale, dtype=torch.float32)
        self._first_bias = torch.tensor(first.bias[None, :] * scale, dtype=torch.float32)
        self._layers = []
        for layer in model.layers[1:]:
            if np.abs(layer.weight).max() > 127:
                raise ValueError("its weights need more than 8 bits")
            weight = torch.tensor(layer.weight.T.astype(np.int8)).contiguous()
            # W x = W (x - 128) + 128 * sum(W)
            bias = layer.bias.astype(np.int64) + OFFSET * layer.weight.astype(np.int64).sum(axis=1)
            columns = (torch.tensor(bias, dtype=torch.int32)[None], torch.tensor(layer.shift, dtype=torch.int32)[None])
            self._layers.append((weight, *columns, layer.skip))

    def __call__(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        torch = self._torch
        n = inputs.shape[1]
        padded = -n % INT8_ROWS
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(np.pad(inputs.T, ((0, padded), (0, 0)))))
            x = torch.addmm(self._first_bias, x, self._first_weight).floor_()
            x = x.clamp_(0, ACTIVATION_MAX).to(torch.int32)
            activations = [x]
            for *layer, skip in self._layers[:-1]:
                x = self._product(x, *layer)
                if skip is not None:
                    x = x + activations[skip]
                x = x.clamp_(0, ACTIVATION_MAX)
                activations.append(x)
            *layer, _ = self._layers[-1]
            outputs = self._product(x, *layer)
            return _columns(outputs[:n]), _columns(x[:n])

    def _product(self, x: Any, weight: Any, bias: Any, shift: Any) -> Any:
        """Output (N, rows) of a layer for activations (N, columns), without skip and limits."""
        return (self._torch._int_mm((x - OFFSET).to(self._torch.int8), weight) + bias) >> shift


def _columns(rows: Any) -> NDArray[np.float32]:
    """Convert a tensor (N, rows) to an array (rows, N)."""
    return np.ascontiguousarray(rows.numpy().T).astype(np.float32)
