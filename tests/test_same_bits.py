"""The promise: the bytes depend on the pixels, the options and the model file, and on nothing else.

BLAS kernels are chosen when a process starts, so there is one process for each; in it every backend, CPU level of the
compiled core, number of threads, batch and tile schedule must give the golden files' bytes, and every decoder must
decode them.
"""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from materials import GOLDEN
from PIL import Image

import nelloc
from nelloc.codec import container, search
from nelloc.codec.format import LAYERS
from nelloc.exact import model_store, native
from nelloc.exact.two_layers import layers_that_learn

# SHA-256 of what every way of running must write.
HASHES = {
    "photograph": "1626469da851af28fdb698672c8653c29e6a28100130b16b31839009656d4c89",
    "gray": "bfbd2abaaf4a672a2539746baff448f580184ff466cf581bd6a537f3b7344d90",
    "learning-photograph": "14e68e499b11363e826d61c0153a6627564ee6f15978431c76c3e95690928b30",
    "learning-gray": "dcb025810c387b2ad5dcbd0425f636aec9aa4badeea05eb6ca4aeee6d606ca86",
}
KERNELS = ("", "Prescott", "Haswell", "SkylakeX")  # OPENBLAS_CORETYPE; empty: what this machine chooses
SCRIPT = """
import hashlib, itertools, os, sys
from pathlib import Path
import numpy as np
from PIL import Image
import nelloc
import nelloc.codec.parallel
import nelloc.exact.encode_tile
from nelloc.exact.decoders import interface, parallel, sheared
from nelloc.exact import native
from nelloc.exact.backends import BACKENDS

nelloc.codec.parallel.LEAST_FOR_THREADS = nelloc.codec.parallel.LEAST_FOR_CORE_THREADS = 0
golden = Path(sys.argv[1])
model = golden / "model.nlm"
images = {name: np.asarray(Image.open(golden / f"{name}.png")) for name in ("photograph", "gray")}
small = images["gray"][:9, :7]
# Files of other kinds of models, whose golden bytes every way of running must give too.
others = {name: name.rpartition("-")[0] for name in ("model-gray-photograph", "model-raw-photograph", "model-raw-gray")}
found = set()
ways = 0
backends = [name for name, backend in BACKENDS.items() if backend.available() is None and name != "native"]
levels = native.levels()
if os.environ.get("OPENBLAS_CORETYPE"):  # chooses kernels for NumPy alone
    backends, levels = ["numpy"], []
# What learns goes step by step also when it is encoded, which takes long.
passes = ((1, (4096, 4096), False), (2, (64, 4096), True))
all_ways = [(backend, *way) for backend, way in itertools.product(backends, passes)]
all_ways += [(backend, 2, (7, 100), False) for backend in backends if not backend.startswith("torch")]
# The core walks tiles itself, on each of its levels.
for level, threads, learn in itertools.product(levels, (1, 2), (False, True)):
    all_ways.append((f"native {level}", threads, (4096, 4096), learn))
for backend, threads, (step, pixels), learn in all_ways:
    backend, _, level = backend.partition(" ")
    os.environ.pop("NELLOC_CPU", None)
    if level:
        os.environ["NELLOC_CPU"] = level
    decoding = dict(model=model, backend=backend, threads=threads)
    options = decoding | dict(tile=32, learn=learn, lattice=False, past=False, embed=False)
    interface.STEP_PIXELS, nelloc.exact.encode_tile.PIXELS_PER_PASS = step, pixels
    alone = [nelloc.encode(image, verify=False, **options) for image in images.values()]
    several = [small, *images.values(), images["gray"][:, :5]]
    together = nelloc.encode_many(several, verify=False, **options)[1:3]
    for name, *ways_of_encoding in zip(images, alone, together):
        name = "learning-" * learn + name
        found |= {(name, hashlib.sha256(data).hexdigest()) for data in ways_of_encoding}
    if backend != "native":
        tiny = nelloc.encode(small, **options)
        assert np.array_equal(nelloc.decode(tiny, decoder="sequential", **decoding), small)
    # Decoders with names walk in Python, also where the core evaluates the network.
    own = backend == "native"
    in_python = ("sheared",) if own and (level, threads, learn) == (levels[0], 2, False) else ()
    for decoder in (None, *in_python) if own else ("parallel", "sheared"):
        decoded = nelloc.decode_many(alone, decoder=decoder, **decoding)
        assert all(np.array_equal(a, b) for a, b in zip(decoded, images.values(), strict=True))
    assert np.array_equal(nelloc.decode(alone[1], **decoding), images["gray"])
    for name, other in () if learn else others.items():
        options["model"] = decoding["model"] = golden / f"{other}.nlm"
        image, data = np.asarray(Image.open(golden / f"{name}.png")), (golden / f"{name}.nlc").read_bytes()
        assert nelloc.encode(image, verify=False, **options) == data, name
        assert np.array_equal(nelloc.decode(data, **decoding), image), name
    ways += 1
print(ways, backends, levels, file=sys.stderr)
for name, digest in sorted(found):
    print(name, digest)
"""


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_way_of_running_gives_one_hash(kernel):
    environment = os.environ | ({"OPENBLAS_CORETYPE": kernel} if kernel else {})
    command = [sys.executable, "-c", SCRIPT, str(GOLDEN)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == -4:
        pytest.skip(f"this CPU cannot run the {kernel} kernels")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == sorted(f"{name} {digest}" for name, digest in HASHES.items())


# Of the files of two small images, coded with each shipped model as it is, and learning in one layer and in two.
SHIPPED = "e7277fdc574975bb4166d86b7eb867babc02de8a0d559f5b90a45a3ebd88a66d"


def test_shipped_models_give_one_hash_on_every_level_and_with_numpy(monkeypatch):
    photograph = np.asarray(Image.open(GOLDEN / "photograph.png"))[5:14, 8:19]
    images = {3: [photograph, photograph[:5, :2]], 1: [photograph[..., 1], photograph[:3, :7, 0]]}
    files: dict[str, list[bytes]] = {}
    for level in [*native.levels(), "numpy"]:
        monkeypatch.setenv("NELLOC_CPU", level)
        files[level] = []
        for name in sorted(model_store.shipped()):
            own = images[model_store.find(name).channels]
            for method, layers in LAYERS.items():
                assert layers_that_learn(model_store.find(name)) == 2
                monkeypatch.setattr(search, "_trials", lambda *_, method=method: iter([search.Trial(method)]))
                coded = nelloc.encode_many(own, model=name, learn=layers > 0, verify=False)
                assert {record.method for data in coded for record in container.parse(data).records} == {method}
                files[level] += coded
                if level != "numpy":
                    assert all(np.array_equal(a, b) for a, b in zip(nelloc.decode_many(coded), own, strict=True)), name
    for level, found in files.items():
        assert found == files["numpy"], level
    assert hashlib.sha256(b"".join(files["numpy"])).hexdigest() == SHIPPED


# With NumPy: tests/codec/past/test_without_core.py.
@pytest.mark.parametrize("level", native.levels())
def test_files_that_hold_a_jpeg_decode_to_the_same_on_every_level(level, monkeypatch, tmp_path):
    monkeypatch.setenv("NELLOC_CPU", level)
    for file in sorted((GOLDEN / "jpeg").glob("*.nlc")):
        kept = file.with_suffix(".jpg")
        if kept.exists():
            nelloc.decompress(file, tmp_path / kept.name)
            assert (tmp_path / kept.name).read_bytes() == kept.read_bytes()
        else:
            expected = np.asarray(Image.open(file.with_suffix(".png")))
            assert np.array_equal(nelloc.decode(file.read_bytes()), expected), file.stem


def test_the_hashes_are_those_of_the_golden_files():
    for name, digest in HASHES.items():
        assert hashlib.sha256((GOLDEN / f"{name}.nlc").read_bytes()).hexdigest() == digest
