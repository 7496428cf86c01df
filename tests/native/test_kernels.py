"""Sanitizers watch every kernel of every CPU level, which equals its plain twin, and what fuzzing has found."""

from __future__ import annotations

import platform
import shutil

import pytest
from compiling import NATIVE, SANITIZED, build, run

# That of the whole decoder is in test_decoder.py.
HARNESSES = sorted(path.stem for path in (NATIVE / "fuzz").glob("fuzz_*.c") if path.stem != "fuzz_file")
# The files of AVX-VNNI and AMX in forms that a machine with AVX-512 can run.
OTHER_FORMS = ("-DCHECK_OTHER_FORMS", "-DNLC_VNNI_OF_AVX512")
OTHER_FORMS += ('-DNLC_EMULATED_TILES="../../tests/emulated_tiles.h"',)


def built(compiler, flags, programs, target):
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    forms = OTHER_FORMS if platform.machine() in ("x86_64", "AMD64") else ()
    return str(build(compiler, programs, target, (*flags, *forms)))


# Clang's sanitizers serve all programs of this file; what another compiler makes of the kernels is tried without them.
@pytest.mark.parametrize(("compiler", "flags"), [("clang", SANITIZED), ("gcc", ("-O2",))])
def test_kernels_equal_their_plain_twins(compiler, flags, tmp_path):
    said = run([built(compiler, flags, ["tests/check_kernels.c"], tmp_path / "check_kernels"), "60"])
    assert "plain    product16       60 rounds, 0 differ" in said


@pytest.mark.parametrize("harness", HARNESSES)
def test_the_corpus_of_fuzzing_is_coded_without_a_fault(harness, tmp_path):
    corpus = sorted(map(str, (NATIVE / "fuzz" / "corpus" / harness.removeprefix("fuzz_")).iterdir()))
    assert corpus
    program = built("clang", SANITIZED, ["fuzz/replay.c", f"fuzz/{harness}.c"], tmp_path / harness)
    assert run([program, *corpus]) == f"{len(corpus)} files\n"


# Run a program for WASI, which Node.js calls a preview.
NODE = """const { WASI } = require("wasi"), fs = require("fs"), [, ...args] = process.argv;
const wasi = new WASI({ version: "preview1", args, returnOnExit: true });
const made = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(args[0])), wasi.getImportObject());
process.exitCode = wasi.start(made);"""


def test_kernels_of_webassembly_equal_their_plain_twins(tmp_path):
    for needed in ("clang", "wasm-ld", "node"):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    flags = ["--target=wasm32-wasi", "-O3", "-msimd128", "-mnontrapping-fptoint", "-D_WASI_EMULATED_PROCESS_CLOCKS"]
    flags += ["-Wno-unused-command-line-argument", "-lwasi-emulated-process-clocks", "-Wl,-z,stack-size=1048576"]
    try:
        made = build("clang", ["tests/check_kernels.c"], tmp_path / "check_kernels.wasm", flags)
    except AssertionError as error:
        if "wasm32.a" in str(error) or "'stdio.h' file not found" in str(error):
            pytest.skip("needs wasi-libc and libclang-rt-dev-wasm32")
        raise
    said = run(["node", "--no-warnings", "-e", NODE, str(made), "60"])
    assert "wasm     product16       60 rounds, 0 differ" in said
    assert "wasm     activate        60 rounds, 0 differ" in said
