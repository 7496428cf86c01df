"""Packages of nelloc's extras, which may be missing, or be installed and fail."""

from __future__ import annotations

import importlib
from types import ModuleType

from nelloc.errors import NellocError, install_advice

NOT_INSTALLED = "is not installed"


def failure(module: str) -> str | None:
    """Import ``module``; returns None, or NOT_INSTALLED, or the reason why it cannot be imported."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module.partition(".")[0]:
            return NOT_INSTALLED
        return f"cannot be imported for want of {error.name}"
    except Exception as error:  # a shared library is missing, or another package is too old or too new
        told = (str(error).splitlines() or [""])[0]
        return f"cannot be imported ({type(error).__name__}: {told})"
    return None


def problem(module: str, extra: str) -> str | None:
    """Import ``module`` of an extra of nelloc; returns None, or the reason why it cannot be used and what to do."""
    reason = failure(module)
    if reason is None:
        return None
    return f"{reason}; {install_advice(extra) if reason == NOT_INSTALLED else f'install {module} again'}"


def required(module: str, who: str, extra: str) -> ModuleType:
    """Import ``module`` of an extra of nelloc. Raises NellocError that begins with ``who`` if it cannot be used."""
    reason = problem(module, extra)
    if reason is not None:
        raise NellocError(f"{who}, which {reason}")
    return importlib.import_module(module)
