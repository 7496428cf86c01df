"""Finding and reading the images to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nelloc import disk, image, storage
from nelloc.bench.interface import Picture
from nelloc.errors import NellocError
from nelloc.image.formats import IMAGE_SUFFIXES


@dataclass(frozen=True)
class PictureFile:
    """Image file and its name in the results: its path without the part that all have in common."""

    name: str
    path: Path

    def read(self, max_pixels: int, strip: bool = False) -> Picture:
        """Read it, without metadata if ``strip``. Raises NellocError for an unsupported image."""
        pixels = image.read(storage.read(self.path), str(self.path), max_pixels=max_pixels)
        return Picture.of(self.name, pixels.stripped() if strip else pixels)


def find(sources: Sequence[str | Path], limit: int | None = None) -> tuple[list[PictureFile], list[NellocError]]:
    """Find image files: single ones, and those in folders and subfolders, by name; at most ``limit`` per source.

    Links to folders are not followed. Also returns an error for every unreadable folder, and every source without
    images.
    """
    paths: list[Path] = []
    errors: list[NellocError] = []
    for source in map(Path, sources):
        try:
            inside = disk.is_folder(source)
            own, unreadable = disk.files_below(source, IMAGE_SUFFIXES) if inside else ([source], [])
        except NellocError as error:
            own, unreadable = [], [error]
        errors += unreadable
        if not own and not unreadable:
            errors.append(NellocError(f"{source}: no images there; give a folder of PNG, JPEG, WebP or other images"))
        paths += own[:limit]
    paths = list(dict.fromkeys(paths))
    return [PictureFile(name, path) for name, path in zip(_names(paths), paths, strict=True)], errors


def _names(paths: Sequence[Path]) -> list[str]:
    """Paths without the folders that all have in common."""
    if not paths:
        return []
    shared = next((top for top in paths[0].parents if all(path.is_relative_to(top) for path in paths)), Path())
    return [str(path.relative_to(shared)) if path.is_relative_to(shared) else str(path) for path in paths]
