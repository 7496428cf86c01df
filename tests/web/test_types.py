"""nelloc.d.ts: what TypeScript makes of it, and of a program that uses the module."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
PROGRAM = """
import { open, decode, configure, NellocError, type NlcFile, type Tile } from "./nelloc.js";

configure({ wasm: new ArrayBuffer(8) });
const file: NlcFile = await open(new Blob([]), { models: ["a.nlm"], maxPixels: 100, plain: true });
const image: ImageData = await file.decode({
    allowDamaged: true, workers: 2, onProgress: (done, total) => done / total });
const sure: Uint8Array = await file.toPNG();
const quick: Uint8Array | null = await file.toPNG({ ifQuick: true });
const jpeg: Uint8Array | null = file.jpegBytes ? await file.toJPEG() : null;
const lost: Tile[] = file.tiles.filter((tile) => tile.damaged);
try {
    await decode("a.nlc");
} catch (error) {
    if (error instanceof NellocError && error.code === "damaged") console.log(error.message);
}
document.querySelector("nlc-img")!.alt = `${image.width} ${lost.length}`;
console.log(sure.length, quick?.length, jpeg?.length);
file.close();
"""
# Programs that are wrong, by the error that tells of it.
WRONG = {
    "TS2540": """import { open } from "./nelloc.js"; (await open("a.nlc")).width = 3;""",  # may only be read
    "TS2353": """import { open } from "./nelloc.js"; await open("a.nlc", { quality: 3 });""",  # no option
    "TS2531": """import { open } from "./nelloc.js";
        (await (await open("a.nlc")).toPNG({ ifQuick: true })).length;""",  # may be null
}


def compiler() -> str:
    found = shutil.which("tsc")
    if found is None:
        pytest.skip("needs tsc (npm install --global typescript)")
    return found


def check(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    shutil.copyfile(WEB / "nelloc.d.ts", folder / "nelloc.d.ts")
    (folder / "program.mts").write_text(program)
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable"]
    command = [compiler(), *options, "program.mts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_program_that_uses_the_module_is_typed(tmp_path):
    done = check(tmp_path, PROGRAM)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("error", WRONG)
def test_wrong_uses_are_told(error, tmp_path):
    said = check(tmp_path, WRONG[error]).stdout
    assert f"error {error}" in said
    assert said.count("error TS") == 1


def test_types_name_what_the_module_exports():
    code = (WEB / "nelloc.js").read_text()
    types = (WEB / "nelloc.d.ts").read_text()
    for name in ("open", "decode", "configure", "NellocError", "NlcFile", "NlcImage"):
        assert f"{name}" in types
        assert any(f"export {kind} {name}" in code for kind in ("class", "function", "async function"))
