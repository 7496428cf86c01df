"""Packages of extras that are missing, or installed and broken: one sentence that says which, why, and what to do."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nelloc
from nelloc import extras
from nelloc.errors import NellocError

BROKEN = {
    "torch": 'raise OSError("libtorch_cpu.so: cannot open shared object file")',
    "matplotlib": 'raise AttributeError("module numpy has no attribute thing")',
    "imagecodecs": "import a_package_that_is_not_there",
    "distributed": 'raise ImportError("of another version")',
}


def sixteen_bit_colour() -> bytes:
    """A PNG file of 2 x 2 pixels."""
    header = (2).to_bytes(4, "big") * 2 + b"\x10\x02\0\0\0"
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress((b"\0" + bytes(range(12))) * 2)), (b"IEND", b""))
    packed = [
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.fixture
def broken(tmp_path, monkeypatch) -> Path:
    """A folder of packages that cannot be imported, and of images."""
    for name, text in BROKEN.items():
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "__init__.py").write_text(text + "\n")
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 10), "teal").save(name)
    Path("deep.png").write_bytes(sixteen_bit_colour())
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["compress", "a.png", "--adapt"],
            "adapting needs torch, which cannot be imported (OSError: libtorch",
        ),
        (["compress", "a.png", "--backend", "torch-int8"], "backend torch-int8: torch cannot be imported (OSError: "),
        (["train", "--data", ".", "--out", "run"], "nelloc train: needs torch, which cannot be imported (OSError: "),
        (["train", "--ood", "--data", ".", "--out", "run"], "needs torch, which cannot be imported (OSError: "),
        (["export", "run", "a.nlm"], "nelloc export: needs torch, which cannot be imported (OSError: "),
        (["ood-score", "a.png", "--model", "cifar10"], "needs torch, which cannot be imported (OSError: "),
        (["sample", "--model", "cifar10", "--out", "s.png"], "needs torch, which cannot be imported (OSError: "),
        (["research", "bits-back", "compress", "a", "b", "--model", "c"], "needs torch, which cannot be imported ("),
        (["research", "mixture-fisher", "--quick"], "needs matplotlib, which cannot be imported (AttributeError: "),
        (["compress", "deep.png"], "deep.png: has 16-bit colour, and needs imagecodecs, which cannot be imported for "),
        (["compress", "-r", "a.png", "b.png", "--dask", "tcp://127.0.0.1:1"], "--dask needs distributed, which cannot"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_broken_package_is_named_with_the_reason(broken, arguments, words):
    places = [str(broken / "packages"), str(Path(nelloc.__file__).parents[1])]
    code = f"import sys; sys.path[:0] = {places!r}; from nelloc.cli.main import main; main(prog_name='nelloc')"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("nelloc: ")
    assert words in done.stderr
    assert " again" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_missing_is_told_from_what_is_broken(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert extras.problem("numpy", "deep") is None
    assert extras.required("numpy", "it needs numpy", "deep") is np
    assert extras.failure("not_there_at_all") == "is not installed"
    assert extras.failure("half_there") == "cannot be imported for want of not_there_at_all"
    with pytest.raises(
        NellocError, match=r"^half: it needs it, which cannot be imported .*; install half_there again$"
    ):
        extras.required("half_there", "half: it needs it", "deep")
    with pytest.raises(NellocError, match=r"^it needs none, which is not installed; pip install 'PATH\[deep]'"):
        extras.required("not_there_at_all", "it needs none", "deep")
