"""Compressing with adapted models: each kind of image has its own, kept only where it is worth its bytes."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from materials import small_model_bytes

pytest.importorskip("torch")

from nelloc import image as images
from nelloc.codec import container
from nelloc.codec.format import NO_MODEL
from nelloc.codec.options import EncodeOptions
from nelloc.codec.progress import Progress
from nelloc.exact import model_store
from nelloc.exact.model import model_id
from nelloc.exact.model_delta import is_differences
from nelloc.training.adapt import encode
from nelloc.training.adapt.encode import encode_adapted


class Count(Progress):
    """Counts what is announced and what is done."""

    expected = done = 0

    def expect(self, pixels):
        self.expected += pixels

    def advance(self, pixels):
        self.done += pixels


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(rows / a + columns / b) for a, b in ((7, 11), (13, 9), (8, 17))]
    return np.stack(waves, axis=2).astype(np.uint8)


def test_rgb_and_gray_images_have_models_of_their_own(tmp_path, monkeypatch):
    known = {"default": small_model_bytes(), "default-gray": small_model_bytes(channels=1)}
    for name, data in known.items():
        (tmp_path / f"{name}.nlm").write_bytes(data)
    monkeypatch.setattr(model_store, "shipped", lambda: {name: tmp_path / f"{name}.nlm" for name in known})
    large, tiny = smooth(60, 70), smooth(3, 4)[:, :, 0]
    pixels = [images.from_array(array, "x") for array in (tiny, large, large)]
    progress = Count()
    options = EncodeOptions(adapt=True, adapt_minutes=0.01, threads=1, progress=progress)
    encoded, found = encode_adapted(pixels, options, verify=True, embed=False)
    assert progress.expected == progress.done
    # A tiny gray image is not worth a model; two large ones share theirs.
    (model,) = found.models
    ids = [container.parse(file.data).model_id for file in encoded]
    assert ids == [model_store.find("default-gray").id, model.model.id, model.model.id]
    assert found.adapted_bytes == sum(len(file.data) for file in encoded) + len(model.stored)
    assert found.gain == 1 - found.adapted_bytes / found.shipped_bytes > 0
    silent = dataclasses.replace(options, adapt_minutes=0.001)
    (encoded,), found = encode_adapted(pixels[:1], silent, verify=True, embed=True)
    assert (found.models, found.gain < 0) == ((), True)
    assert found.shipped_bytes == len(encoded.data) < found.adapted_bytes


@pytest.mark.parametrize(("after", "kept"), [(998_000, True), (998_001, False), (1_000_001, False)])
def test_a_model_is_kept_that_saves_at_least_a_thousandth(monkeypatch, after, kept):
    """Its own 1000 bytes counted."""
    assert encode.LEAST_GAIN == 0.001
    adapted = SimpleNamespace(stored=bytes(1000))

    def coded(pixels, options, *, verify, adapted=None, **_):
        return [SimpleNamespace(data=bytes(1_000_000 if adapted is None else after)) for _ in pixels]

    monkeypatch.setattr(encode, "encode_pixels", coded)
    monkeypatch.setattr(
        "nelloc.training.adapt.finetune.Tuning",
        lambda *_, **__: SimpleNamespace(train=lambda pixels: pixels, adapted=lambda: adapted),
    )
    (file,), found = encode_adapted(
        [images.from_array(smooth(60, 70), "x")],
        EncodeOptions(adapt=True, adapt_minutes=0.01),
        verify=False,
        embed=False,
    )
    assert (found.models, len(file.data)) == (((adapted,), after) if kept else ((), 1_000_000))
    assert (found.shipped_bytes, found.adapted_bytes) == (1_000_000, after + 1000)


def test_models_are_adapted_to_the_numbers_of_a_stretched_image(monkeypatch):
    trained_on = []
    monkeypatch.setattr("nelloc.codec.plan_image._is_smaller", lambda *_, **__: True)
    monkeypatch.setattr(encode, "encode_pixels", lambda pixels, *_, **__: [SimpleNamespace(data=b"1") for _ in pixels])
    adapted = SimpleNamespace(stored=b"1")
    monkeypatch.setattr(
        "nelloc.training.adapt.finetune.Tuning",
        lambda planes, *_, **__: (
            trained_on.extend(planes) or SimpleNamespace(train=lambda pixels: pixels, adapted=lambda: adapted)
        ),
    )
    full = smooth(70, 80) // 2
    stretched = full * 2
    options = EncodeOptions(adapt=True, adapt_minutes=0.01)
    for array in (full, stretched):
        encode_adapted([images.from_array(array, "x")], options, verify=False, embed=False)
    first, second = (planes.astype(int) for planes in trained_on)
    assert np.array_equal(first, full.transpose(2, 0, 1))
    assert np.array_equal(
        second - second.min(axis=(1, 2))[:, None, None], first - first.min(axis=(1, 2))[:, None, None]
    )


@pytest.mark.parametrize("own", [False, True])
def test_images_of_every_kind_are_compressed_and_those_of_colour_adapted_to(tmp_path, monkeypatch, own):
    path = tmp_path / "small.nlm"
    path.write_bytes(small_model_bytes())
    if own:
        monkeypatch.setattr(encode, "LEAST_GAIN", -10.0)  # a whole small model is more than it saves here
    else:
        monkeypatch.setattr(model_store, "shipped", lambda: {"small": path})
    colour = smooth(60, 70) // 2 + np.random.default_rng(0).integers(0, 9, (60, 70, 3), np.uint8)
    alpha = np.dstack([colour, colour[:, :, :1]])
    kinds = [alpha, alpha[:, :, 2:], colour.astype(np.uint16) * 250 + 7, colour[:, :, 0] > 128]
    pixels = [images.from_array(array, "x") for array in kinds]
    options = EncodeOptions(model=path, adapt=True, adapt_minutes=0.01, threads=1, effort=1)
    encoded, found = encode_adapted(pixels, options, verify=True, embed=False)
    ids = [container.parse(file.data).model_id for file in encoded]
    assert ids == [*[found.models[0].model.id] * 2, model_store.find(path).id, NO_MODEL]
    assert found.adapted_bytes == sum(len(file.data) for file in encoded) + len(found.models[0].stored)
    # Differences to a model of one's own would be of no use to others.
    assert is_differences(found.models[0].stored) == (not own)
    assert model_id(found.models[0].stored) == found.models[0].model.id or not own
    (_,), found = encode_adapted(pixels[3:], options, verify=True, embed=True)
    assert (found.models, found.pixels, found.gain) == ((), 0, 0)


def test_without_a_time_asked_for_rounds_end_where_they_do_not_pay(monkeypatch):
    """Of photographs, whose files are then those of the model as it is, without a second coding of all of them."""
    monkeypatch.setattr(encode, "default_minutes", lambda pixels: 0.01)
    coded = []
    encode_pixels = encode.encode_pixels
    monkeypatch.setattr(
        encode, "encode_pixels", lambda *a, **k: coded.append(k.get("adapted")) or encode_pixels(*a, **k)
    )
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    (file,), found = encode_adapted(
        [images.from_array(noise, "x")], EncodeOptions(adapt=True, threads=1, effort=1), verify=True, embed=True
    )
    assert coded == [None]
    assert container.parse(file.data).model_section is None
    assert found.models == ()
    assert found.adapted_bytes > found.shipped_bytes == len(file.data)
    # The first round alone: an eighth of the time.
    assert found.pixels == pytest.approx(0.01 * encode.PIXELS_PER_MINUTE / 8, abs=1024)
