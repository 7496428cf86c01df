"""Finding models: shipped ones by name, any by path, and the one a file needs by id.

A file's model is inside it, among those that come with nelloc, in the user's folder of models, or given.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nelloc import disk
from nelloc.errors import NellocError, unreadable
from nelloc.exact import model_delta
from nelloc.exact.model import MAX_FILE_BYTES, MODEL_FORMAT, ExactModel, load_model
from nelloc.exact.model import model_id as model_id_of

DEFAULT_MODEL = "default"
MODEL_SUFFIX = ".nlm"
# A gray image is coded by the shipped model NAME-gray, if there is one, when NAME is requested.
GRAY = "-gray"
# Longest chain of models each of which is differences to the next.
MAX_CHAIN = 4
# Bytes at the start of a model file within which its format is named.
_HEADER_BYTES = 1 << 16


def shipped() -> dict[str, Path]:
    """Names and files of the models that come with nelloc."""
    return {path.stem: path for path in _models_in(_weights())}


def shipped_pairs() -> dict[str, Path]:
    """Names and files of the pairs of a local and a full model that come with nelloc (nelloc/ood/pair.py)."""
    return {path.stem: path for path in sorted((_weights() / "ood").glob("*.safetensors"))}


def _weights() -> Path:
    """The folder of shipped models: inside an installed package, beside it in a checkout."""
    here = Path(__file__).parents[1]
    return next((folder for folder in (here / "weights", here.parent / "weights") if folder.is_dir()), here)


def user_folder() -> Path:
    """The folder of the user's own models, which may not exist: NELLOC_MODELS, or the system's data folder."""
    given = os.environ.get("NELLOC_MODELS")
    if given:
        return Path(given)
    import platformdirs  # not at the top: who uses shipped models needs no folder, and starts sooner

    return platformdirs.user_data_path("nelloc", appauthor=False) / "models"


def installed() -> dict[str, Path]:
    """Names and files of the models in ``user_folder()``. Raises NellocError if it cannot be read."""
    folder = user_folder()
    return {path.stem: path for path in _models_in(folder)} if disk.is_folder(folder) else {}


def available() -> dict[str, Path]:
    """Names and files of all models: those shipped, then the user's own, which do not hide shipped ones."""
    files = shipped()
    return files | {name: path for name, path in installed().items() if name not in files}


def find(model: str | Path = DEFAULT_MODEL) -> ExactModel:
    """A model by name, shipped or installed, or by path. Raises NellocError if there is none."""
    return _load(_path(model))


def _path(model: str | Path) -> Path:
    """The file of a model by name or path."""
    files = shipped()
    return files[str(model)] if str(model) in files else installed().get(str(model), Path(model))


def find_for(planes: int, model: str | Path = DEFAULT_MODEL) -> ExactModel:
    """The model that codes an image of ``planes`` planes when ``model`` is requested.

    For a gray image it is the model's gray sibling, if one is shipped. Raises NellocError if there is no such model, or
    if it codes gray images only and the image is RGB.
    """
    found = _siblings(model)[-1 if planes == 1 else 0]
    if found.channels < planes:
        raise NellocError(f"{model}: codes gray images only; use --model {DEFAULT_MODEL} for an RGB image")
    return found


def _siblings(model: str | Path) -> list[ExactModel]:
    """The model, and its gray sibling if that is shipped."""
    sibling = f"{model}{GRAY}"
    return [find(model), *([find(sibling)] if sibling in shipped() else [])]


@dataclass(frozen=True)
class Located:
    """A model and where it was found: ``place`` in words, and its ``path`` unless it was inside the file."""

    model: ExactModel
    place: str
    path: Path | None = None


def find_by_id(
    model_id: bytes, source: str, given: str | Path | None = None, *, embedded: bytes | None = None
) -> ExactModel:
    """The model that file ``source`` names; see ``locate``."""
    return locate(model_id, source, given, embedded=embedded).model


def locate(model_id: bytes, source: str, given: str | Path | None = None, *, embedded: bytes | None = None) -> Located:
    """Find the model that file ``source`` names.

    It may be ``embedded`` in the file, ``given`` by name, file or folder, shipped, or installed. Raises NellocError
    naming the id of the model, or of the base of its differences, that is missing.
    """
    needed = model_id.hex()
    if embedded is not None:
        model = _checked(_plain(embedded, source, given), source)
        if model.id != model_id:
            raise NellocError(f"{source}: the model inside it is not model {needed} that it names; get the file again")
        return Located(model, "inside the file")
    if given is not None and _is_folder(given):
        for path in _with_id(model_id, _models_in(Path(given))):
            return Located(_load(path, given), "given", path)
    elif given is not None:
        models = _siblings(given)
        for model in models:
            if model.id == model_id:
                return Located(model, "given", Path(given))
    for place, path in _places(model_id):
        return Located(_load(path), place, path)
    if given is None:
        raise _missing(source, model_id)
    if _is_folder(given):
        raise NellocError(f"{source}: needs model {needed}, which is not in the folder {given}; get its file")
    other = f"{given} is model {models[0].id.hex()}"
    raise NellocError(f"{source}: was made with model {needed}, but {other}; give the file of the former")


def _missing(source: str, model_id: bytes) -> NellocError:
    return NellocError(
        f"{source}: needs model {model_id.hex()}, which is not installed; give its file with --model, or copy it "
        f"into {user_folder()}"
    )


def comes_along(model_id: bytes) -> bool:
    """True if a model comes with nelloc."""
    return model_id in _shipped_ids(tuple(shipped().values()))


def is_found(model_id: bytes) -> bool:
    """True if a model comes with nelloc or is installed."""
    return next(_places(model_id), None) is not None


def to_embed(model: str | Path) -> bytes | None:
    """Return what a file must hold of a model to decode everywhere: None if the model comes with nelloc.

    It is a whole model file, or differences to a shipped model. Raises NellocError if there is no such model.
    """
    if str(model) in shipped():
        return None
    data, source = _read(_path(model)), str(model)
    if not model_delta.is_differences(data):
        return None if comes_along(model_id_of(data)) else data
    parsed = model_delta.parse_differences(data, source)
    if comes_along(parsed.model_id):
        return None
    return data if comes_along(parsed.base_id) else _plain(data, source, None)


def whole_file(model: str | Path) -> bytes:
    """A model by name or path as the bytes of a model file that needs no other. Raises NellocError if there is none."""
    return _plain(_read(_path(model)), str(model), None)


def name_of(model_id: bytes) -> str | None:
    """The name of a model id, shipped or installed, or None."""
    return next((path.stem for _, path in _places(model_id)), None)


def _is_folder(given: str | Path) -> bool:
    return str(given) not in shipped() and str(given) not in installed() and disk.is_folder(given)


def _places(model_id: bytes) -> Iterator[tuple[str, Path]]:
    """Model files of this id that are found without being given: the place in words, and the path."""
    for path in _with_id(model_id, shipped().values()):
        yield "shipped", path
    for path in _with_id(model_id, installed().values()):
        yield "installed", path


def _with_id(model_id: bytes, paths: Iterable[Path]) -> Iterator[Path]:
    """Paths of the files that are models of this id."""
    for path in paths:
        with contextlib.suppress(OSError):
            small = path.is_file() and path.stat().st_size <= MAX_FILE_BYTES
            if small and _id_of(path.read_bytes()) == model_id:
                yield path


def _models_in(folder: Path) -> list[Path]:
    """The model files in a folder by name. Raises NellocError if it cannot be read."""
    return [path for path in disk.contents(folder) if path.suffix == MODEL_SUFFIX]


@lru_cache(maxsize=2)
def _shipped_ids(paths: tuple[Path, ...]) -> frozenset[bytes | None]:
    return frozenset(_id_of(path.read_bytes()) for path in paths)


def _id_of(data: bytes) -> bytes | None:
    """The id of a model file's bytes: for differences, the one that they claim to make."""
    return model_delta.announced_id(data) if model_delta.is_differences(data) else model_id_of(data)


def _load(path: Path, given: str | Path | None = None) -> ExactModel:
    data = _read(path)
    # The header of a model names the format; any other file gets this one reason.
    if not model_delta.is_differences(data) and MODEL_FORMAT.encode() not in data[:_HEADER_BYTES]:
        raise NellocError(f"{path}: not a nelloc model; give a {MODEL_SUFFIX} file, made by nelloc export or train")
    return _checked(_plain(data, str(path), given), str(path))


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except ValueError as error:  # a zero byte in the name
        raise unreadable(path, error) from error
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
            raise unreadable(path, error) from error
        if error.errno == errno.EISDIR:
            raise NellocError(f"{path}: a folder; give a model file in it, such as model{MODEL_SUFFIX}") from error
        names = ", ".join(shipped()) or "none"
        reason = error.strerror or error
        raise NellocError(f"{path}: no such model ({reason}); shipped models are: {names}") from error
    if len(data) > MAX_FILE_BYTES:
        raise NellocError(
            f"{path}: not a nelloc model, which has at most {MAX_FILE_BYTES} bytes; give a {MODEL_SUFFIX} file"
        )
    return data


def _plain(data: bytes, source: str, given: str | Path | None, depth: int = 0) -> bytes:
    """A whole model file's bytes, from these or, if they are differences, from those of their base too."""
    if not model_delta.is_differences(data):
        return data
    parsed = model_delta.parse_differences(data, source)
    if depth == MAX_CHAIN:
        raise NellocError(f"{source}: its model is differences of differences, more than {MAX_CHAIN}; get it again")
    for path in _bases(parsed.base_id, given):
        whole = _plain(_read(path), str(path), given, depth + 1)
        _checked(whole, str(path))
        return _made(parsed, whole, source)
    raise _missing(source, parsed.base_id)


def _bases(model_id: bytes, given: str | Path | None) -> Iterator[Path]:
    """Model files of this id; those ``given``, with a gray sibling, first."""
    if given is not None:
        siblings = (_path(given), shipped().get(f"{given}{GRAY}"))
        paths = _models_in(Path(given)) if _is_folder(given) else [path for path in siblings if path is not None]
        yield from _with_id(model_id, paths)
    for _, path in _places(model_id):
        yield path


# By content, not by path: a file that was replaced is another model.
_checked = lru_cache(maxsize=8)(load_model)
_made = lru_cache(maxsize=8)(model_delta.apply_differences)
