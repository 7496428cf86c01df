"""Promises of `nelloc thumbnail` and `nelloc desktop`: file managers and shells take what they install."""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image
from running import assert_failed, environment, invoke

import nelloc
from nelloc.cli.desktop import command_files
from nelloc.cli.main import main
from nelloc.codec import container
from nelloc.files.convert import SUFFIX
from nelloc.plugins import freedesktop

TYPE = "image/x-nelloc"
TUMBLER = next(Path("/usr/lib").glob("*/tumbler-1/tumblerd"), None)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home folder with the files installed, and a photograph in it."""
    for name, value in (("HOME", ""), ("XDG_DATA_HOME", "share"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(name, str(tmp_path / value))
    image = Image.linear_gradient("L").resize((200, 100)).convert("RGB")
    (tmp_path / "a photo.nlc").write_bytes(nelloc.encode(image, effort=1, verify=False))
    result = invoke("desktop", "install", "--user")
    assert result.exit_code == 0
    written = [Path(line) for line in result.stdout.splitlines()]
    expected = {tmp_path / "share" / place for place in freedesktop.own_files() | command_files(main)}
    assert set(written) == expected
    assert all(path.is_file() for path in written)
    return tmp_path


def test_what_was_installed_is_removed_and_nothing_else(home):
    other = home / "share" / "thumbnailers" / "other.thumbnailer"
    other.write_text("mine")
    result = invoke("desktop", "remove", "--user", "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert other.read_text() == "mine"
    assert list((home / "share").rglob("*nelloc*")) == []
    assert invoke("desktop", "remove", "--user").stdout == ""


def test_a_prefix_is_for_all_users(home):
    result = invoke("desktop", "install", "--prefix", str(home / "usr"), "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    for place in freedesktop.own_files():
        assert (home / "usr" / "share" / place).is_file()
    for flags in ([], ["--user", "--prefix", "x"]):
        assert invoke("desktop", "install", *flags).exit_code == 2


def test_a_folder_that_cannot_be_written_gives_one_line(home):
    (home / "file").write_text("")
    result = invoke("desktop", "install", "--prefix", str(home / "file"))
    assert result.exit_code == 1
    assert result.stderr.startswith("nelloc: ")
    assert result.stderr.count("\n") == 1


def entry(path: Path, section: str) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser()
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser[section]


def test_the_thumbnailer_is_called_as_a_file_manager_calls_it(home):
    """As gnome-desktop-thumbnailer does: the arguments of the Exec key, with %i, %o, %s and %u filled in."""
    thumbnailer = entry(home / "share/thumbnailers/nelloc.thumbnailer", "Thumbnailer Entry")
    assert thumbnailer["MimeType"] == f"{TYPE};"
    assert os.access(thumbnailer["TryExec"], os.X_OK)
    source, target = home / "a photo.nlc", home / "temporary.XYZ"
    target.touch()  # gnome-desktop makes it
    values = {"%i": str(source), "%u": source.as_uri(), "%o": str(target), "%s": "64", "%%": "%"}
    arguments = shlex.split(thumbnailer["Exec"].replace("\\\\", "\\"))
    command = [re.sub("%.", lambda found: values[found[0]], one) for one in arguments]
    # Not in a folder of the user's, where a file may have the name of a module.
    (home / "numpy.py").write_text("raise SystemExit(9)")
    done = subprocess.run(command, cwd=home, env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with Image.open(target) as image:
        assert image.size == (64, 32)
        assert image.text["Thumb::URI"] == source.as_uri()


@pytest.mark.skipif(TUMBLER is None, reason="needs tumbler, Xfce's thumbnail service")
@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="needs dbus-run-session")
@pytest.mark.skipif(shutil.which("gdbus") is None, reason="needs gdbus")
@pytest.mark.skipif(shutil.which("update-mime-database") is None, reason="needs shared-mime-info")
def test_a_thumbnail_service_makes_a_thumbnail(home):
    uri = (home / "a photo.nlc").as_uri()
    name = "org.freedesktop.thumbnails.Thumbnailer1"
    call = f"gdbus call --session --dest {name} --object-path /{name.replace('.', '/')} --method {name}.Queue"
    made = home / "cache" / "thumbnails" / "normal" / f"{hashlib.md5(uri.encode()).hexdigest()}.png"
    script = f"""{call} "['{uri}']" "['{TYPE}']" normal default 0
        for _ in $(seq 3000); do [ -e '{made}' ] && break; sleep 0.1; done"""
    # The service is started by D-Bus, with the environment of the session; it runs at the lowest priority.
    command = ["dbus-run-session", "--", "sh", "-c", script]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=400)
    with Image.open(made) as image:
        assert image.size == (128, 64)
        assert image.text["Thumb::URI"] == uri


@pytest.mark.skipif(shutil.which("update-mime-database") is None, reason="needs shared-mime-info")
def test_the_type_of_a_file_is_known_by_its_name_and_by_its_first_bytes(home):
    assert f"{TYPE}:*{SUFFIX}" in (home / "share/mime/globs").read_text()
    if shutil.which("gio") is None:
        pytest.skip("needs gio")
    (home / "without extension").write_bytes((home / "a photo.nlc").read_bytes())
    for name in ("a photo.nlc", "without extension"):
        command = ["gio", "info", "--attributes=standard::content-type", str(home / name)]
        said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
        assert f"content-type: {TYPE}\n" in said, name


def test_the_mime_type_has_the_signature_and_the_extension():
    root = ElementTree.fromstring(freedesktop.own_files()["mime/packages/nelloc.xml"])
    space = {"m": "http://www.freedesktop.org/standards/shared-mime-info"}
    assert root.find("m:mime-type", space).get("type") == TYPE
    match = root.find(".//m:match", space)
    signature = match.get("value").encode().decode("unicode_escape").encode("latin-1")
    assert (signature, match.get("offset")) == (container.SIGNATURE, "0")
    assert root.find(".//m:glob", space).get("pattern") == f"*{SUFFIX}"


def test_the_desktop_entry_opens_files_of_the_type(home):
    path = home / "share/applications/nelloc.desktop"
    found = entry(path, "Desktop Entry")
    assert found["MimeType"] == f"{TYPE};"
    command = [one.replace("%f", str(home / "a photo.nlc")) for one in shlex.split(found["Exec"])]
    subprocess.run(command, cwd=home, env=environment(), check=True, capture_output=True)
    assert (home / "a photo.png").exists()
    if shutil.which("desktop-file-validate") is not None:
        done = subprocess.run(["desktop-file-validate", str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["/opt/py thon/bin/python", '/o"p\\t$/p%i`x`/python', "/usr/bin/python3"])
def test_the_name_of_an_interpreter_is_quoted_as_desktop_entries_are(monkeypatch, tmp_path, name):
    monkeypatch.setattr(sys, "executable", name)
    (tmp_path / "a.desktop").write_bytes(freedesktop.own_files()["applications/nelloc.desktop"])
    found = entry(tmp_path / "a.desktop", "Desktop Entry")
    unescaped = found["Exec"].replace("\\\\", "\\")
    assert shlex.split(unescaped)[0].replace("%%", "%").replace("\\$", "$").replace("\\`", "`") == name
    assert found["TryExec"].replace("\\\\", "\\") == name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_its_completions(home, shell):
    place = next(name for name in command_files(main) if name.startswith((f"{shell}/", f"{shell}-")))
    path = home / "share" / place
    assert f"_NELLOC_COMPLETE={shell}_complete" in path.read_text()
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    subprocess.run([program, "-n", str(path)], check=True, capture_output=True)


def test_the_manual_has_every_command_and_option(home):
    path = home / "share/man/man1/nelloc.1"
    page = path.read_text()
    for command in main.commands.values():
        assert f"\n.SS nelloc {command.name}\n".replace("-", "\\-") in page
        for parameter in command.params:
            for flag in getattr(parameter, "opts", []) if parameter.param_type_name == "option" else []:
                assert flag.replace("-", "\\-") in page
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("needs man and groff")
    command = ["man", "--warnings=w", "--local-file", str(path)]
    given = environment() | {"LC_ALL": "C.UTF-8", "MANWIDTH": "100"}
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for words in (
        "NELLOC(1)",
        "nelloc compress [OPTIONS] IN... [OUT]",
        "--help-all",
        "NELLOC_MODELS",
        "\n       --size N",
    ):
        assert words in done.stdout


@pytest.mark.usefixtures("photo_folder")
def test_thumbnail_writes_a_file_of_the_size_asked_for():
    assert invoke("compress", "photo.png", "photo.nlc", "--effort", "1").exit_code == 0
    result = invoke("thumbnail", "photo.nlc", "small.png", "--size", "5")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("photo.nlc -> small.png: ")
    with Image.open("small.png") as image:
        assert max(image.size) == 5
    assert invoke("thumbnail", "photo.nlc", "small.png").exit_code == 1
    assert invoke("thumbnail", "photo.nlc", "small.png", "-f", "-q").output == ""
    assert invoke("thumbnail", "photo.nlc", "small.png", "-f", "--max-pixels", "3").exit_code == 1
    assert invoke("thumbnail", "photo.nlc", "other.png", "--size", "0").exit_code == 2


@pytest.mark.usefixtures("photo_folder")
def test_thumbnail_refuses_what_is_not_an_nlc_file():
    assert_failed(invoke("thumbnail", "photo.png", "small.png"), "photo.png")
