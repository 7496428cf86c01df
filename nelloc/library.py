"""Where models are found: shipped ones by name, any by path, and the one a file needs by id."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from nelloc.errors import NellocError
from nelloc.exact.model import ID_BYTES, ExactModel, load_model

DEFAULT_MODEL = "default"
MODEL_SUFFIX = ".nlm"


def shipped() -> dict[str, Path]:
    """Names and files of the models that come with nelloc."""
    here = Path(__file__).parent
    # Installed, the models are inside the package; in a checkout they are beside it.
    folder = next((f for f in (here / "weights", here.parent / "weights") if f.is_dir()), here)
    return {path.stem: path for path in sorted(folder.glob(f"*{MODEL_SUFFIX}"))}


def find(model: str | Path = DEFAULT_MODEL) -> ExactModel:
    """A model by shipped name or by path. Raises NellocError if there is none."""
    path = shipped().get(str(model), Path(model))
    return _load(path)


def find_by_id(model_id: bytes, source: str, given: str | Path | None = None) -> ExactModel:
    """The model that file ``source`` names: ``given``, or a shipped one. Raises NellocError if it is missing."""
    needed = model_id.hex()
    if given is not None:
        model = find(given)
        if model.id != model_id:
            raise NellocError(f"{source}: was made with model {needed}, but {given} is model {model.id.hex()}")
        return model
    name = name_of(model_id)
    if name is not None:
        return find(name)
    raise NellocError(f"{source}: needs model {needed}, which is not installed; give its file with --model")


def name_of(model_id: bytes) -> str | None:
    """The shipped name of a model id, or None."""
    for name, path in shipped().items():
        if hashlib.sha256(path.read_bytes()).digest()[:ID_BYTES] == model_id:
            return name
    return None


def _load(path: Path) -> ExactModel:
    try:
        data = path.read_bytes()
    except OSError as error:
        names = ", ".join(shipped()) or "none"
        reason = error.strerror or error
        raise NellocError(f"{path}: no such model ({reason}); shipped models are: {names}") from error
    return _checked(data, str(path))


# By content, not by path: a file that was replaced is another model.
_checked = lru_cache(maxsize=8)(load_model)
