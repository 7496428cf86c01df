"""Models inside files and stored as differences: found, checked, and refused where they are not what they should be."""

from __future__ import annotations

import dataclasses
import functools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from materials import small_model_bytes

import nelloc
from nelloc import image as images
from nelloc.codec import container
from nelloc.codec.container import Section
from nelloc.codec.encode import encode_pixels
from nelloc.codec.format import SectionType
from nelloc.codec.options import EncodeOptions
from nelloc.errors import NellocError
from nelloc.exact import model_store
from nelloc.exact.model import load_model
from nelloc.exact.model_delta import Adapted, encode_differences

pytestmark = pytest.mark.usefixtures("model_only")

BASE, MODEL = small_model_bytes(), small_model_bytes(seed=1)
DIFFERENCES = encode_differences(BASE, MODEL)
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture(autouse=True)
def base_path(tmp_path, monkeypatch):
    """The base model, installed in the user's folder."""
    monkeypatch.setenv("NELLOC_MODELS", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()
    path = tmp_path / "user" / "base.nlm"
    path.write_bytes(BASE)
    return path


def embedded(section: Section | None = None, model: bytes = MODEL) -> bytes:
    """An image coded with MODEL, which the file holds as differences, or as ``section`` says."""
    base = load_model(BASE)
    options = EncodeOptions(model=model_store.user_folder() / "base.nlm", tile=16)
    adapted = {base.id: Adapted(load_model(model), DIFFERENCES)}
    (encoded,) = encode_pixels([images.from_array(PIXELS, "x")], options, verify=True, adapted=adapted, embed=True)
    if section is None:
        return encoded.data
    return container.pack(dataclasses.replace(container.parse(encoded.data), sections=(section,)))


def test_an_embedded_model_decodes_whole_or_as_differences():
    for data in (embedded(), embedded(Section(SectionType.MODEL, MODEL))):
        np.testing.assert_array_equal(nelloc.decode(data), PIXELS)
        np.testing.assert_array_equal(nelloc.decode(data, model=model_store.user_folder() / "base.nlm"), PIXELS)


def test_a_section_that_is_not_what_it_announces_is_refused():
    for section, words in (
        (Section(SectionType.MODEL, DIFFERENCES), "not of the kind"),
        (Section(SectionType.DIFFERENCES, MODEL), "not of the kind"),
        (Section(SectionType.MODEL, BASE), "is not model"),
        (Section(SectionType.MODEL, b""), "not a usable nelloc model"),
        (Section(SectionType.DIFFERENCES, encode_differences(BASE, small_model_bytes(seed=2))), "is not model"),
    ):
        with pytest.raises(NellocError, match=words):
            nelloc.decode(embedded(section))


_embedded = functools.cache(embedded)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_a_hostile_section_ends_in_one_sentence(data):
    file = container.parse(_embedded())
    body = bytearray(DIFFERENCES if data.draw(st.booleans()) else MODEL)
    type_ = SectionType.DIFFERENCES if len(body) == len(DIFFERENCES) else SectionType.MODEL
    original = bytes(body)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    hostile = bytes(body)
    if hostile == original:
        return
    section = Section(type_, hostile)
    with pytest.raises(NellocError, match=r"^data: [^\n]*$"):
        nelloc.decode(container.pack(dataclasses.replace(file, sections=(section,))))


def test_a_model_is_found_given_shipped_and_installed_and_nowhere_else(tmp_path, base_path, monkeypatch):
    model_id, own = load_model(MODEL).id, tmp_path / "own"
    own.mkdir()
    monkeypatch.chdir(own)
    (own / "any name.nlm").write_bytes(DIFFERENCES)
    with pytest.raises(NellocError, match=rf"needs model {model_id.hex()}, which is not installed; .* into .*user$"):
        model_store.locate(model_id, "x.nlc")
    for named in (own / "any name.nlm", own):
        found = model_store.locate(model_id, "x.nlc", named)
        assert (found.model.id, found.place) == (model_id, "given")
    with pytest.raises(NellocError, match="which is not in the folder"):
        model_store.locate(load_model(BASE).id[::-1], "x.nlc", own)
    (base_path.parent / "mine.nlm").write_bytes(MODEL)
    assert model_store.locate(model_id, "x.nlc").place == "installed"
    assert model_store.name_of(model_id) == "mine"
    assert model_store.find("mine").id == model_id
    assert model_store.installed() == {"base": base_path, "mine": base_path.parent / "mine.nlm"}
    assert model_store.locate(model_store.find().id, "x.nlc").place == "shipped"
    assert model_store.locate(model_id, "x.nlc", base_path.parent / "mine.nlm").place == "given"


def test_differences_of_differences_are_followed_but_not_for_ever(base_path):
    folder = base_path.parent
    chain = [small_model_bytes(seed=seed) for seed in range(model_store.MAX_CHAIN + 2)]
    for number, (before, after) in enumerate(pairwise(chain)):
        (folder / f"{number}.nlm").write_bytes(encode_differences(before, after))
    last = model_store.MAX_CHAIN - 1
    assert model_store.find(str(last)).id == load_model(chain[model_store.MAX_CHAIN]).id
    with pytest.raises(NellocError, match="differences of differences"):
        model_store.find(str(model_store.MAX_CHAIN))


def test_a_missing_base_and_a_damaged_file_are_named(base_path):
    data = embedded()
    base_path.rename(base_path.with_suffix(".away"))
    with pytest.raises(NellocError, match=rf"data: needs model {load_model(BASE).id.hex()}, which is not installed"):
        nelloc.decode(data)
    path = base_path.parent / "differences.nlm"
    path.write_bytes(DIFFERENCES[:-1] + b"x")
    with pytest.raises(NellocError, match=r"differences\.nlm: the checksum"):
        model_store.find("differences")
    path.write_bytes(DIFFERENCES[:6])
    with pytest.raises(NellocError, match=r"differences\.nlm: not the differences"):
        model_store.find(path)


def test_a_file_does_not_decode_by_the_model_that_another_brings(tmp_path):
    (tmp_path / "other.nlm").write_bytes(MODEL)
    named = nelloc.encode(
        PIXELS // 64 + np.arange(30, dtype=np.uint8)[:, None], model=tmp_path / "other.nlm", embed=False
    )
    file = container.parse(named)
    brings = container.pack(dataclasses.replace(file, sections=(Section(SectionType.MODEL, MODEL),)))
    assert len(nelloc.decode_many([brings, brings])) == 2
    for several in ([brings, named], [named, brings], [named]):
        with pytest.raises(NellocError, match="needs model"):
            nelloc.decode_many(several)
