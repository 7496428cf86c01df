"""Models that only their owner has: what files made with one find by themselves, and what is done where they do not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from nelloc.errors import NellocError

if TYPE_CHECKING:
    from nelloc.files.batch.plan import Plan


def prepare(plan: Plan, model: str | Path | None, output: Path | None, remove: bool) -> str | None:
    """See to it that the outputs of a run find their model; returns what is to be said of it in the end.

    A model that is not found from the folder ``output`` is copied there, as ID.nlm, whole. Where there is no such
    folder it is named. Raises NellocError if inputs are to be removed, and files that others could not decode are all
    that would be left.
    """
    missing = _not_found(model, dict.fromkeys(job.target.parent for job in plan.jobs))
    if not missing:
        return None
    assert model is not None
    if output is not None:
        copy = _copy(model, output)
        if copy is not None:
            return f"nelloc: {copy}: is a copy of {model}, which the outputs need; keep it with them"
    if remove:
        _refuse(model, missing[0])
    others = f" and {len(missing) - 1} other folders" if len(missing) > 1 else ""
    return f"nelloc: {_about(model)} is not found from the outputs in {missing[0]}{others}; {_remedy(model)}"


def check_one(target: Path, model: str | Path | None) -> None:
    """Raise NellocError if an output whose input is to be removed would not find its model."""
    if _not_found(model, [target.parent]):
        assert model is not None
        _refuse(model, target.parent)


def remark(name: str, read: Callable[[], bytes], model: str | Path | None, folder: Path | None) -> str | None:
    """Remark on an output, whose bytes ``read`` gives, that does not find its model from ``folder``; else None."""
    if not _not_found(model, [folder]):
        return None
    assert model is not None
    from nelloc.codec.container import parse
    from nelloc.codec.decode import locate_model

    try:
        file = parse(read(), name, max_pixels=1 << 62)
        if file.needs_model:
            locate_model(file, name, None, folder)
    except NellocError:
        return f"nelloc: {name}: needs {_about(model)}, which it does not find from there; {_remedy(model)}"
    return None


def _not_found(model: str | Path | None, folders: Iterable[Path | None]) -> list[Path | None]:
    """The folders from which files would not find the model. Raises NellocError if there is no such model."""
    from nelloc.exact import model_store

    if model is None or str(model) in model_store.shipped():
        return []
    found = model_store.find(model)
    return [folder for folder in folders if not model_store.is_found(found.id, folder)]


def _copy(model: str | Path, folder: Path) -> Path | None:
    """A copy of a model in a folder; None if another file has its name. Raises NellocError if it cannot be written."""
    from nelloc import storage
    from nelloc.exact import model_store

    path = folder / f"{model_store.find(model).id.hex()}{model_store.MODEL_SUFFIX}"
    storage.make_folder(folder)
    if os.path.lexists(path):
        return None
    data, modified = model_store.whole_file(model)
    storage.write(path, data, force=False, modified=modified)
    return path


def _refuse(model: str | Path, folder: Path | None) -> None:
    from nelloc.exact import model_store

    raise NellocError(
        f"{model}: is not found from outputs in {folder}, which need it; copy it there or into "
        f"{model_store.user_folder()}, or leave out --rm"
    )


def _about(model: str | Path) -> str:
    from nelloc.exact import model_store

    return f"model {model_store.find(model).id.hex()}"


def _remedy(model: str | Path) -> str:
    from nelloc.exact import model_store

    return f"copy {model} there or into {model_store.user_folder()}, or decode with --model"
