"""The promise: the bytes depend on the pixels, the options and the model file, and on nothing else.

Each way of running is a process of its own, since BLAS kernels are chosen when it starts. The hash is a golden value.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import GOLDEN

SCRIPT = """
import hashlib, sys
import numpy as np
import nelloc
from PIL import Image
backend, decoder, threads, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
image = np.asarray(Image.open(sys.argv[5]))
options = dict(model=sys.argv[6], tile=32, backend=backend, threads=threads)
if batch == "alone":
    data = nelloc.encode(image, verify=False, **options)
    back = nelloc.decode(data, decoder=decoder, **options)
else:
    others = [image[:40, :50], image]
    data = nelloc.encode_many(others, verify=False, **options)[1]
    back = nelloc.decode_many([data, data], decoder=decoder, **options)[0]
assert np.array_equal(back, image)
print(hashlib.sha256(data).hexdigest())
"""
CASES = [
    ("numpy", "sheared", 1, "alone", ""),
    ("numpy", "parallel", 2, "alone", ""),
    ("numpy", "sheared", 2, "batch", ""),
    ("numpy", "sequential", 1, "alone", ""),
    ("numpy", "sheared", 1, "alone", "Prescott"),
    ("numpy", "parallel", 2, "alone", "Haswell"),
    ("numpy", "sheared", 2, "batch", "SkylakeX"),
    ("reference", "parallel", 1, "alone", ""),
    ("reference", "sheared", 2, "batch", "Prescott"),
    ("torch-float32", "sheared", 1, "alone", ""),
    ("torch-float32", "parallel", 2, "batch", ""),
    ("torch-int8", "sheared", 2, "alone", ""),
    ("torch-int8", "parallel", 1, "batch", ""),
    ("torch-cuda", "sheared", 1, "alone", ""),
]


def run(backend, decoder, threads, batch, core, image, model):
    environment = os.environ | ({"OPENBLAS_CORETYPE": core} if core else {})
    command = [sys.executable, "-c", SCRIPT, backend, decoder, str(threads), batch, str(image), str(model)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "Illegal instruction" in done.stderr or done.returncode == -4:
        pytest.skip(f"this CPU cannot run the {core} kernels")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("backend", "decoder", "threads", "batch", "core"), CASES)
def test_one_hash_for_every_way_of_running(backend, decoder, threads, batch, core):
    if backend.startswith("torch") and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    if backend == "torch-cuda":
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
    golden = GOLDEN / "photograph.nlc"
    expected = hashlib.sha256(golden.read_bytes()).hexdigest()
    found = run(backend, decoder, threads, batch, core, GOLDEN / "photograph.png", GOLDEN / "model.nlm")
    assert found == expected
