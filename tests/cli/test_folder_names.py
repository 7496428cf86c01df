"""A name with a slash at its end is a folder's, for every command that writes a file."""

import io

import numpy as np
import pytest
from cli.running import invoke
from click import Path as ClickPath
from PIL import Image

import nelloc
from nelloc import NellocError
from nelloc.cli.main import main
from nelloc.cli.parameters import Name, OutputFile
from nelloc.files import convert as files

NAMES = ["new/", "new//", "new/.", "new/..", "old/", "old/.", ".", "..", "a.nlc/", "a.png/"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    Image.fromarray(samples).save("in.png")
    (tmp_path / "in.nlc").write_bytes(nelloc.encode(samples))
    (tmp_path / "old").mkdir()
    return tmp_path


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


COMMANDS = {
    "compress": ["compress", "in.png", "OUT"],
    "compress standard input": ["compress", "-", "OUT"],
    "decompress": ["decompress", "in.nlc", "OUT"],
    "decompress standard input": ["decompress", "-", "OUT", "--force"],
    "sample": ["sample", "--model", "fast", "--size", "4x4", "--out", "OUT"],
    "export": ["export", "in.nlc", "OUT"],
    "ood-score": ["ood-score", "in.png", "--plot", "OUT"],
    "bits-back train": ["research", "bits-back", "train", "in.png", "OUT"],
    "bits-back compress": ["research", "bits-back", "compress", "in.png", "OUT", "--model", "in.nlc"],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_file_is_written_by_the_name_of_a_folder(folder, command, name):
    before = contents(folder)
    arguments = [name if argument == "OUT" else argument for argument in COMMANDS[command]]
    file = {"compress": "in.png", "decompress": "in.nlc"}.get(arguments[0])
    result = invoke(*arguments, data=(folder / file).read_bytes() if "-" in arguments else None)
    assert result.exit_code == 2
    assert "folder" in result.stderr or "files are images" in result.stderr
    assert contents(folder) == before


@pytest.mark.parametrize("name", NAMES)
def test_nor_by_functions(folder, name):
    before = contents(folder)
    for function, source in ((files.compress, "in.png"), (files.decompress, "in.nlc")):
        with pytest.raises(NellocError, match="folder; give a file name"):
            function(source, name)
    assert contents(folder) == before


def test_a_folder_of_outputs_may_have_the_slash(folder):
    assert invoke("compress", "in.png", "--output-dir", "new/").exit_code == 0
    assert invoke("decompress", "new/in.nlc", "--output-dir", "back/").exit_code == 0
    assert (folder / "back" / "in.png").is_file()
    assert Image.open(io.BytesIO((folder / "back" / "in.png").read_bytes())).size == (4, 2)


def commands(group, names=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*names, name))
        else:
            yield " ".join((*names, name)), command


def test_every_parameter_that_names_an_output_looks_at_the_slash():
    found = {}
    for name, command in commands(main):
        for parameter in command.params:
            if isinstance(parameter.type, ClickPath) and parameter.name in ("target", "out", "plot", "output"):
                found[f"{name} {parameter.name}"] = type(parameter.type)
    folders = {"train out", "research bits-back decompress target"}
    runs = {key for key in found if key.startswith("research ") and key.endswith(" out")}
    assert {key for key, kind in found.items() if kind is not OutputFile} <= folders | runs
    assert {"export target", "sample out", "ood-score plot", "research bits-back compress target"} <= set(found)
    assert issubclass(OutputFile, Name)
