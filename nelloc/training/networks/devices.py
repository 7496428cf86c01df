"""Devices of torch, and whether bfloat16 products are faster on them than float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nelloc.errors import NellocError

# Torch's names of x86 instructions for bfloat16 matrix products.
_CPU_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def find_device(name: str | None, number: int = 0) -> torch.device:
    """Find a device by torch's name; for None a CUDA GPU if there is one, else the CPU.

    For the name ``cuda`` alone, ``number`` is the GPU's index. Raises NellocError if it cannot be used.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(f"cuda:{number}" if name == "cuda" else name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise NellocError(f"device {name}: cannot be used ({reason}); choose another with --device") from error
    return device


def device_title(device: torch.device) -> str:
    """Name of a device in reports: the GPU's model, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def bfloat16_is_faster(device: torch.device) -> bool:
    """Return True if ``device`` has instructions for bfloat16 products; emulation is up to three times slower.

    The answer depends on the CPU and torch, not on timing, so it is the same however busy the machine is. False for
    unknown devices, and if torch does not report the CPU's instructions.
    """
    if device.type == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in _CPU_INSTRUCTIONS)
