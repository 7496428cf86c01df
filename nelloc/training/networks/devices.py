"""The device that torch computes on, and where products of bfloat16 are faster than those of float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nelloc.errors import NellocError

# What torch calls the instructions of x86 processors that multiply matrices of bfloat16.
_CPU_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def find_device(name: str | None, number: int = 0) -> torch.device:
    """The device of that torch name; for None a CUDA GPU if there is one, else the processor.

    Where the name is ``cuda`` alone, ``number`` says which of them. Raises NellocError if it cannot be used.
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
    """A device as a report names it: of a GPU its name, and ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def bfloat16_is_faster(device: torch.device) -> bool:
    """True if ``device`` multiplies matrices of bfloat16 itself; others emulate it, and take up to three times as long.

    What processor and torch say decides, and no clock, so that the answer is the same whatever else the machine does.
    False where nothing is known of the device, as with a torch that does not say what the processor can.
    """
    if device.type == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in _CPU_INSTRUCTIONS)
