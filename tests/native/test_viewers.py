"""The loader of gdk-pixbuf, in a program that desktops make thumbnails with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from compiling import NATIVE, run
from materials import GOLDEN
from PIL import Image

MIME_TYPE = NATIVE.parent / "nelloc" / "plugins" / "freedesktop" / "nelloc.xml"


def query_loaders() -> str | None:
    """The program that lists loaders, which is not in the path."""
    found = shutil.which("gdk-pixbuf-query-loaders")
    places = Path("/usr/lib").glob("*/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders")
    return found or next(map(str, places), None)


@pytest.fixture(scope="module")
def environment(installed, tmp_path_factory) -> dict[str, str]:
    """That of a desktop which has the loader, and knows the type of files."""
    for needed in ("pkg-config", "gdk-pixbuf-thumbnailer", "update-mime-database"):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    asked = subprocess.run(["pkg-config", "--exists", "gdk-pixbuf-2.0"], check=False)
    if asked.returncode or query_loaders() is None:
        pytest.skip("needs the headers and programs of gdk-pixbuf")
    folder = tmp_path_factory.mktemp("viewer")
    run(["cmake", "-S", str(NATIVE / "viewers"), "-B", str(folder), f"-DCMAKE_PREFIX_PATH={installed}"])
    run(["cmake", "--build", str(folder)])
    (cache := folder / "loaders.cache").write_text(run([query_loaders() or "", str(folder / "libpixbufloader-nlc.so")]))
    types = folder / "data" / "mime" / "packages"
    types.mkdir(parents=True)
    shutil.copyfile(MIME_TYPE, types / "nelloc.xml")
    run(["update-mime-database", str(types.parent)])
    return os.environ | {"GDK_PIXBUF_MODULE_FILE": str(cache), "XDG_DATA_HOME": str(folder / "data")}


NAMES = ["small-default", "shipped-default-gray", "kind-palette", "joined-rgba", "jpeg/baseline-420", "jpeg/past-420"]


@pytest.mark.parametrize("name", NAMES)
def test_a_thumbnail_has_the_pixels(name, environment, tmp_path):
    out = tmp_path / "out.png"
    command = ["gdk-pixbuf-thumbnailer", "-s", "256", str(GOLDEN / f"{name}.nlc"), str(out)]
    made_of = next(path for path in (GOLDEN / f"{name}.png", GOLDEN / f"{name}.jpg") if path.exists())
    shown = np.asarray(Image.open(made_of).convert("RGBA"))
    # A thumbnailer enlarges nothing if it is asked for the image's own size.
    command[2] = str(max(shown.shape[:2]))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.asarray(Image.open(out).convert("RGBA")), shown)


def test_a_damaged_file_is_refused_with_the_sentence_of_the_library(environment, tmp_path):
    data = bytearray((GOLDEN / "small-default.nlc").read_bytes())
    data[60] ^= 4
    (tmp_path / "bad.nlc").write_bytes(data)
    command = ["gdk-pixbuf-thumbnailer", str(tmp_path / "bad.nlc"), str(tmp_path / "out.png")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "pixels that do not match their checksum" in done.stderr
    assert not (tmp_path / "out.png").exists()


FILE = GOLDEN / "small-default.nlc"


@pytest.fixture(scope="module")
def asked(installed, tmp_path_factory):
    """The loader as gdk-pixbuf asks it, which takes no more bytes than FILE has; gives the lines that are printed."""
    if shutil.which("pkg-config") is None:
        pytest.skip("needs pkg-config")
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "gdk-pixbuf-2.0"], capture_output=True, text=True)
    if found.returncode:
        pytest.skip("needs the headers of gdk-pixbuf")
    program = tmp_path_factory.mktemp("pixbuf") / "pixbuf_files"
    sources = [str(NATIVE / "tests" / "pixbuf_files.c"), str(NATIVE / "viewers" / "gdk_pixbuf_nlc.c")]
    own = [f"-DMOST_FILE={FILE.stat().st_size}u", f"-I{installed / 'include'}", f"-L{installed / 'lib'}"]
    library = [f"-Wl,-rpath,{installed / 'lib'}", "-lnelloc", *found.stdout.split()]
    run(["cc", "-std=c11", *own, *sources, *library, "-o", str(program)])
    return lambda *arguments: run([str(program), *map(str, arguments)]).splitlines()


def test_what_cannot_be_read_is_not_called_damaged(asked, tmp_path):
    assert asked("load", FILE) == ["load: good"]
    assert asked("load", tmp_path) == ["load: it cannot be read (Is a directory); check its disk"]


def test_nothing_is_shown_of_a_file_that_is_too_large(asked):
    """Gdk-pixbuf stops a loader that refused a piece, whose bytes before may be a whole image."""
    refused = "the file is larger than 1 GiB, which is more than is shown here"
    assert asked("pieces", FILE) == ["piece: good", f"piece: {refused}", f"stop: {refused}"]
