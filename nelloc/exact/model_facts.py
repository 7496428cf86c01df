"""Facts about the installed models: from their files, and measured figures from the file beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from nelloc.errors import NellocError
from nelloc.exact import model_store

# Measured facts are by model id, so that a new model of an old name does not inherit them.
FACTS = "models.json"


@dataclass(frozen=True)
class Fact:
    """A measured number, the command that gave it, and on what."""

    value: float
    command: str
    on: str = ""


@dataclass(frozen=True)
class Entry:
    """An installed model; a fact that nobody has measured is None."""

    name: str
    id: str
    file: str
    bytes: int
    multiply_adds: int
    kodak_bpd: Fact | None
    decode_megapixels_per_second: Fact | None


def entry(name: str, path: Path) -> Entry:
    """Facts about one model. Raises NellocError if it, or the file of facts beside it, cannot be read."""
    model = model_store.find(path)
    facts = _facts(path.parent / FACTS).get(model.id.hex(), {})
    return Entry(
        name=name,
        id=model.id.hex(),
        file=str(path),
        bytes=model.size,
        multiply_adds=model.multiply_adds,
        kodak_bpd=facts.get("kodak_bpd"),
        decode_megapixels_per_second=facts.get("decode_megapixels_per_second"),
    )


def _facts(path: Path) -> dict[str, dict[str, Fact]]:
    """Facts by model id and name; none if there is no file."""
    try:
        found = json.loads(path.read_text())
        return {key: {name: Fact(**fact) for name, fact in facts.items()} for key, facts in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise NellocError(f"{path}: not a file of facts about models ({error}); remove or repair it") from error
