"""Readers of image files that share no code with nelloc or Pillow: exiftool, libvips and tifffile.

Tests that need one of the first two are skipped, with the reason, where it is not installed.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@cache
def version(program: str) -> str | None:
    """What a program, exiftool or vips, says of itself; None if it is not installed."""
    if shutil.which(program) is None:
        return None
    flag = "-ver" if program == "exiftool" else "--version"
    return subprocess.run([program, flag], capture_output=True, text=True, check=True).stdout.strip()


def need(program: str) -> None:
    """Skip the test where a program is not installed."""
    if shutil.which(program) is None:
        package = {"exiftool": "libimage-exiftool-perl", "vips": "libvips-tools"}[program]
        pytest.skip(f"{program} is not installed (Debian's package {package})")


# What says how a file stores the image, or when and where exiftool saw it.
_STORAGE = ("SourceFile", "System", "ExifTool", "File", "Composite")
_COMMENT = "File:Comment"
_COPY = re.compile(r":Copy\d+:")


class ExifTool:
    """A running exiftool, which takes some time to start: ``read`` gives what it finds in a file."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["exiftool", "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def __enter__(self) -> ExifTool:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("-stay_open\nFalse\n")
        self._process.stdin.flush()
        self._process.wait(10)

    def read_all(self, paths: list[Path]) -> list[dict[str, Any]]:
        """Of each file the values of its tags, raw, by ``group:name``; binary values by their base64 form.

        Of a tag that is there several times it is a list, in the order of the file.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        options = ["-json", "-G1:4", "-n", "-b", "-a", "-u", "-U", "-struct", "-charset", "filename=utf8"]
        self._process.stdin.write("\n".join([*options, *map(str, paths), "-execute", ""]))
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.strip() == "{ready}":
                break
            lines.append(line)
        found = json.loads("".join(lines), strict=False)
        return [_by_name(one) for one in found]

    def read(self, path: Path) -> dict[str, Any]:
        """The values of the tags of one file."""
        return self.read_all([path])[0]


def _by_name(tags: dict[str, Any]) -> dict[str, Any]:
    """Tags without those of storage; those that exiftool numbers as copies are put together."""
    found: dict[str, Any] = {}
    several = set()
    for numbered, value in tags.items():
        name = _COPY.sub(":", numbered)
        if name != _COMMENT and name.split(":")[0] in _STORAGE:
            continue
        if name in found:
            found[name] = [*(found[name] if name in several else [found[name]]), value]
            several.add(name)
        else:
            found[name] = value
    return found


@dataclass(frozen=True)
class TiffTag:
    """A tag as tifffile reads it."""

    type: int
    count: int
    value: Any


def tiff_tags(data: bytes) -> dict[int, TiffTag]:
    """The tags of the first page of a TIFF file."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return {tag.code: TiffTag(int(tag.dtype), tag.count, _plain(tag.value)) for tag in file.pages[0].tags}


def _plain(value: Any) -> Any:
    """A value that can be compared: arrays as nested lists."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def tiff_samples(data: bytes) -> NDArray[Any]:
    """The samples of the first page of a TIFF file, (H, W) or (H, W, C)."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        array = page.asarray()
        return array.transpose(1, 2, 0) if page.axes == "SYX" else array


def imagecodecs_samples(data: bytes, suffix: str) -> NDArray[Any] | None:
    """What a PNG or WebP file shows as imagecodecs decodes it; None for other formats."""
    import imagecodecs

    decode = {".png": imagecodecs.png_decode, ".webp": imagecodecs.webp_decode}.get(suffix)
    return None if decode is None else decode(data)


def vips_samples(path: Path, folder: Path) -> NDArray[Any]:
    """The samples of a file as libvips reads them, uint8 or uint16, (H, W) or (H, W, C)."""
    raw = folder / "vips.v"
    subprocess.run(["vips", "copy", str(path), str(raw)], check=True, capture_output=True)
    data = raw.read_bytes()
    order = "<" if data[:4] in (b"\xb6\xa6\xf2\x08", b"\x08\xf2\xa6\xb6") and data[0] == 0xB6 else ">"
    width, height, bands = (int(n) for n in np.frombuffer(data, f"{order}u4", 3, 4))
    (form,) = np.frombuffer(data, f"{order}u4", 1, 20)
    kind = {0: "u1", 2: "u2"}[int(form)]
    array = np.frombuffer(data, order + kind, width * height * bands, 64).reshape(height, width, bands)
    return array[:, :, 0] if bands == 1 else array
