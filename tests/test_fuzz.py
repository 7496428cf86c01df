"""A short run of scripts/fuzz.py: no crash, no hang, no wrong pixels, for mutated, forged and hostile files."""

import math
import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import fuzz

from nelloc.codec import container
from nelloc.codec.format import NO_MODEL


@pytest.fixture(autouse=True)
def any_time(monkeypatch):
    """How long an input takes is for a run of the script alone to judge; the machine of a test may be busy."""
    monkeypatch.setattr(fuzz, "SECONDS", math.inf)


@pytest.fixture(scope="module")
def corpus():
    with fuzz.numbered():
        yield fuzz.seeds()


@pytest.fixture(scope="module")
def images():
    return list(fuzz.fuzz_images.files().values())


def test_every_image_file_of_the_corpus_is_read_and_written(images):
    assert {fuzz.check_image(data) for data in images} == {"read"}


def test_the_corpus_has_every_kind_and_method(corpus):
    files = [container.parse(seed.data) for seed in corpus]
    assert {file.kind for file in files} >= set(fuzz.Kind) - {fuzz.Kind.LA16, fuzz.Kind.RGBA16}
    assert any(file.joined for file in files)
    assert any(file.small and file.model_id != NO_MODEL for file in files)
    assert {record.method for file in files for record in file.records} == set(fuzz.Method)


@pytest.mark.parametrize("seed", range(3))
def test_what_nobody_made_on_purpose(corpus, images, tmp_path, seed):
    random, models = Random(seed), [path.read_bytes() for path in fuzz.MODELS]
    found = {fuzz.one_run(random, corpus, models, images, tmp_path) for _ in range(300)}
    assert {"mutated, refused", "forged, refused", "model, refused", "image, refused", "described, written"} <= found


def test_wrong_pixels_are_a_finding(corpus):
    with pytest.raises(fuzz.BrokenPromiseError, match="other pixels"):
        fuzz.check_file(corpus[0].data, corpus[1].pixels)
