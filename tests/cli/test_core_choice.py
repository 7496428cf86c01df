"""What the commands say of the compiled core: which CPU level computes, or in one line why none does.

Each is a process of its own, as the environment and what can be imported are looked at when it starts.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from running import MODEL, environment

from nelloc.exact import native

pytestmark = pytest.mark.usefixtures("photo_folder")
built = pytest.mark.skipif(native._native is None, reason="the core is not built")

_MAIN = "from nelloc.cli.main import main; main(prog_name='nelloc')"
UNBUILT = f"import sys; sys.modules['nelloc._native'] = None; {_MAIN}"
# A core whose faster levels, those after `sound`, add one to what is right.
BROKEN = (
    """
from nelloc.exact import native
right, sound = native.evaluate, %r
def evaluate(model, level, inputs):
    outputs, hidden = right(model, level, inputs)
    return outputs + (level not in sound), hidden
native.evaluate = evaluate
"""
    + _MAIN
)
WAYS = {
    "numpy": ({"NELLOC_CPU": "numpy"}, _MAIN, "NELLOC_CPU=numpy leaves the compiled core out"),
    "unbuilt": ({}, UNBUILT, "the compiled core is not built; install nelloc again where there is a C compiler"),
}


def run(*arguments: str, script: str = _MAIN, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment() | variables, timeout=120
    )


@pytest.mark.parametrize("way", WAYS)
def test_without_the_core_everything_works_and_one_line_says_so(way):
    variables, script, reason = WAYS[way]

    def slowly(*arguments):
        return run(*arguments, script=script, **variables)

    line = f"nelloc: runs on NumPy, 10 to 30 times slower: {reason}\n"
    done = slowly("compress", "photo.png", "again.nlc", *MODEL, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Path("again.nlc").read_bytes() == Path("file.nlc").read_bytes()
    done = slowly("compress", "photo.png", "again.nlc", *MODEL, "--force")
    assert (done.returncode, done.stderr.count("NumPy")) == (0, 1)
    assert line.replace("slower:", "slower, and packs JPEG files as plain bytes:") in done.stderr
    done = slowly("decompress", "file.nlc", "back.png", *MODEL)
    assert (done.returncode, done.stderr.count("NumPy")) == (0, 1)
    assert Image.open("back.png").tobytes() == Image.open("photo.png").tobytes()
    done = slowly("verify", "file.nlc", "again.nlc", *MODEL)
    assert (done.returncode, done.stderr, done.stdout.count("whole")) == (0, line, 2)
    done = slowly("sample", *MODEL, "--size", "3x2", "--out", "sample.png")
    assert (done.returncode, done.stderr.count("NumPy")) == (0, 1)
    done = slowly("models")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\ncomputes with NumPy, 10 to 30 times slower: {reason}\n")
    done = slowly("info", "-v", "file.nlc")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\nhere   decodes with NumPy, 10 to 30 times slower: {reason}\n")
    done = slowly("info", "file.nlc")
    assert (done.returncode, done.stderr, "NumPy" in done.stdout) == (0, "", False)
    done = slowly("verify", "file.nlc", *MODEL, "--backend", "numpy")  # who asks for it need not be told
    assert (done.returncode, done.stderr) == (0, "")
    done = slowly("verify", "file.nlc", *MODEL, "--backend", "native")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"nelloc: backend native: {reason}; use another --backend, or none to have one chosen\n"


def test_without_the_core_the_library_works_and_says_nothing():
    script = UNBUILT.replace(_MAIN, "import nelloc, numpy; a = numpy.eye(9, dtype='uint8'); ")
    script += "print((nelloc.decode(nelloc.encode(a)) == a).all())"
    done = run(script=script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@built
def test_the_level_that_computes_is_named():
    level = native.levels()[0]
    done = run("models")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\ncomputes with the compiled core, CPU level {level}\n")
    assert run("info", "-v", "file.nlc", NELLOC_CPU="plain").stdout.endswith(
        "\nhere   decodes with the compiled core, CPU level plain\n"
    )


@built
@pytest.mark.parametrize("kind", ["unknown", "of another machine"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("compress", "photo.png", "new.nlc", *MODEL),
        ("compress", "drawing.png", "new.nlc"),
        ("decompress", "file.nlc", "new.png", *MODEL),
        ("verify", "file.nlc", *MODEL),
        ("sample", *MODEL, "--size", "3x2", "--out", "new.png"),
        ("models",),
        ("info", "-v", "file.nlc"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_level_that_cannot_be_had_is_refused(kind, arguments):
    Image.new("L", (40, 40)).save("drawing.png")
    name = "nonsense"
    if kind != "unknown":
        name = next(name for name, available in native._native.levels() if not available)
    done = run(*arguments, NELLOC_CPU=name)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    problem = "unknown CPU level" if kind == "unknown" else "this machine does not have it"
    assert done.stderr.startswith(f"nelloc: NELLOC_CPU={name}: {problem}; choose one of plain")
    assert not any(Path(name).exists() for name in ("new.nlc", "new.png"))


@built
def test_the_library_refuses_it_too_whatever_codes_the_image():
    script = "import nelloc, numpy; nelloc.encode(numpy.zeros((40, 40), 'uint8'))"
    done = run(script=script, NELLOC_CPU="nonsense")
    assert done.returncode == 1
    assert "NellocError: NELLOC_CPU=nonsense: unknown CPU level" in done.stderr


@built
def test_a_level_that_gives_wrong_integers_is_named_in_one_line():
    fastest, *others = native.levels()
    line = f"nelloc: CPU level {fastest} gives wrong integers on this machine and is not used\n"
    sound = tuple(others)
    if not sound:
        line = "nelloc: backend native gives wrong integers on this machine on every CPU level and is not used\n"
    script = BROKEN % (sound,)
    done = run("verify", "file.nlc", "file.nlc", *MODEL, script=script)
    assert (done.returncode, done.stderr, done.stdout.count("whole")) == (0, line, 2)
    done = run("verify", "file.nlc", *MODEL, "-q", script=script)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("models", script=script)
    assert (done.returncode, done.stderr) == (0, line)
    assert f"CPU level {others[0]}" in done.stdout if others else "NumPy" in done.stdout


@built
def test_a_core_that_gives_wrong_integers_throughout_is_left_out():
    script = BROKEN % ((),)
    done = run("verify", "file.nlc", *MODEL, script=script)
    assert done.returncode == 0
    assert (
        done.stderr
        == "nelloc: backend native gives wrong integers on this machine on every CPU level and is not used\n"
    )
    done = run("verify", "file.nlc", *MODEL, "--backend", "native", script=script)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(
        "nelloc: backend native: gives wrong integers on this machine on every CPU level; use"
    )
