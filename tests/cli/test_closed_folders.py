"""Commands on files and folders whose names or content the system does not show: one sentence, no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import MODEL, environment, invoke, run

pytestmark = pytest.mark.usefixtures("photo_folder")

# A name that no system shows: the same error for each user, root included.
LONG = "n" * 300
# Root sees everything unless it gives that power up.
_POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["compress", LONG],
        ["compress", "-r", LONG],
        ["compress", "-r", "photo.png", "--output-dir", LONG],
        ["compress", "-r", "photo.png", "--output-dir", f"{LONG}/deeper"],
        ["compress", "photo.png", f"{LONG}.nlc"],
        ["compress", "photo.png", "a.nlc", "--model", LONG],
        ["decompress", LONG],
        ["decompress", "-r", LONG, "--output-dir", "out"],
        ["info", LONG],
        ["verify", LONG],
        ["thumbnail", LONG, "a.png"],
        ["bench", LONG],
        ["export", LONG, "a.nlm"],
        ["sample", "--model", LONG, "--out", "a.png"],
        ["sample", "--model", "fast", "--size", "4x4", "--out", f"{LONG}.png"],
        ["train", "--data", LONG, "--out", "run"],
        ["train", "--data", ".", "--out", LONG],
        ["train", "--ood", "--data", ".", "--out", LONG],
        ["ood-score", "photo.png", "--model", LONG],
        ["ood-score", "photo.png", "--model", "cifar10", "--calibrate", LONG],
        ["research", "half-asleep-binary", "--quick", "--data", LONG, "--out", "results"],
        ["research", "bits-back", "compress", LONG, "a.nbb", "--model", LONG],
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG"),
)
def test_a_name_that_the_system_refuses_is_named_with_the_reason(arguments):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert LONG in result.stderr
    assert "(File name too long" in result.stderr


def test_a_folder_of_models_that_the_system_refuses_is_named_where_it_is_needed(monkeypatch):
    monkeypatch.setenv("NELLOC_MODELS", LONG)
    result = invoke("models")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"nelloc: {LONG}: cannot be read (File name too long); check its name and permissions\n"
    assert invoke("compress", "photo.png", "a.nlc", "--model", "fast").exit_code == 0  # which comes with nelloc
    assert invoke("decompress", "a.nlc", "a.png").exit_code == 0
    assert "(File name too long)" in invoke("compress", "photo.png", "b.nlc", "--model", "mine").stderr


def test_a_link_to_itself_or_into_a_closed_folder_does_not_end_a_run():
    os.mkdir("in")
    shutil.copy("photo.png", "in/a.png")
    for name in ("loop", "loop.png"):
        Path("in", name).symlink_to(name)
    result = invoke("compress", "-r", "in", "--output-dir", "out", *MODEL)
    assert result.exit_code == 1
    assert sorted(os.listdir("out")) == ["a.nlc"]
    assert "nelloc: in/loop.png: cannot be read (Too many levels of symbolic links); " in result.stderr
    assert "1 done, " in result.stderr
    assert "; 1 failed; 1 other file left alone" in result.stderr


@pytest.fixture
def closed(photo_folder):
    """A folder that may not be entered, and a file that may not be read."""
    if os.name != "posix" or (os.geteuid() == 0 and shutil.which("setpriv") is None):
        pytest.skip("needs permissions, and setpriv if root runs the tests")
    os.makedirs("closed/sub")
    shutil.copy("photo.png", "closed/a.png")
    shutil.copy("photo.png", "secret.png")
    os.chmod("closed", 0)
    os.chmod("secret.png", 0)
    yield
    os.chmod("closed", 0o755)


def powerless(*arguments: str):
    """Run the command as a user whom permissions bind."""
    prefix = _POWERLESS if os.geteuid() == 0 else []
    command = [*prefix, sys.executable, "-m", "nelloc", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment())


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compress", "secret.png"], "secret.png: cannot be read (Permission denied); "),
        (["compress", "closed/a.png", "a.nlc"], "closed/a.png: cannot be read (Permission denied); "),
        (["compress", "-r", "closed"], "closed: cannot be read (Permission denied); "),
        (["compress", "-r", "photo.png", "--output-dir", "closed/sub"], "closed/sub: cannot be written (Permission "),
        (["compress", "photo.png", "closed/a.nlc"], "closed/a.nlc: cannot be written (Permission denied); "),
        (["verify", "closed/a.nlc"], "closed/a.nlc: cannot be read (Permission denied); "),
        (["bench", "closed/a.png"], "closed/a.png: cannot be read (Permission denied); "),
        (["ood-score", "closed", "--model", "cifar10"], "closed: cannot be read (Permission denied); "),
        (["train", "--data", "closed", "--out", "run"], "closed: cannot be read (Permission denied); "),
        (["train", "--data", ".", "--out", "closed/run"], "closed/run/checkpoint.safetensors: cannot be read (Perm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_closed_to_the_user_is_named_with_the_reason(arguments, sentence):
    done = powerless(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_a_file_without_end_is_not_read_as_a_model():
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero")
    result = run("compress", "photo.png", "a.nlc", "--model", "/dev/zero", timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith(b"nelloc: /dev/zero: not a nelloc model, which has at most 67108864 bytes; ")


@pytest.mark.usefixtures("closed")
def test_a_folder_of_models_that_is_closed_is_not_taken_for_an_empty_one():
    assert invoke("compress", "photo.png", "lean.nlc", "--no-embed", *MODEL).exit_code == 0
    done = powerless("verify", "lean.nlc", "--model", "closed")
    assert done.returncode == 1
    assert done.stderr.startswith("nelloc: closed: cannot be read (Permission denied); ")
