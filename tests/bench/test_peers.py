"""Every peer that is on this machine gives back what it takes, and says what it does not take."""

from __future__ import annotations

import dataclasses
import re
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_peers import Absent, Raw
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from nelloc import image
from nelloc.bench import peers
from nelloc.bench.interface import Peer, Picture, shown, unchanged
from nelloc.bench.peers.avif import AvifOfPillow
from nelloc.bench.peers.flif import Flif
from nelloc.bench.peers.jpegls import JpegLsOfImagecodecs, JpegLsOfPillow
from nelloc.bench.peers.jpegxl import JpegXlOfPillow, JpegXlTools
from nelloc.errors import NellocError, install_advice
from nelloc.image import Palette, Pixels
from nelloc.image.kinds import Kind

HERE = [peer for peer in peers.PEERS if peer.missing() is None]


def picture(array: np.ndarray, name: str = "test") -> Picture:
    """An array as a picture."""
    return Picture.of(name, image.from_array(array))


def array_of(channels: int, bits: int, seed: int = 0, size: tuple[int, int] = (21, 34)) -> np.ndarray:
    """Noise, with every value there is."""
    shape = size if channels == 1 else (*size, channels)
    return np.random.default_rng(seed).integers(0, 1 << bits, shape, dtype=np.uint8 if bits == 8 else np.uint16)


CASES = [(peer, kind) for peer in HERE if peer is not AvifOfPillow for kind in sorted(peer.forms)]


@pytest.mark.parametrize(("peer", "kind"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_kind_that_a_peer_takes_comes_back(peer, kind):
    for effort in {peer.efforts[0], peer.usual[0]}:
        codec = peer(effort)
        given = picture(array_of(*kind))
        assert codec.refuses(given) is None
        assert unchanged(given, codec.decode(codec.encode(given)))


@pytest.mark.parametrize("peer", [p for p in HERE if p is not AvifOfPillow], ids=lambda peer: peer.__name__)
@settings(max_examples=8)
@given(data=st.data())
def test_small_images_of_any_size_come_back(peer, data):
    shape = data.draw(st.sampled_from([(), (3,)]))
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    given = picture(data.draw(arrays(np.uint8, (height, width, *shape))))
    codec = peer(peer.usual[0])
    assert unchanged(given, codec.decode(codec.encode(given)))


@pytest.mark.skipif(AvifOfPillow.missing() is not None, reason="Pillow without AVIF")
def test_avif_of_pillow_is_found_to_be_lossy():
    codec = AvifOfPillow()
    given = picture(array_of(3, 8))
    decoded = codec.decode(codec.encode(given))
    assert not unchanged(given, decoded)
    assert np.abs(decoded.astype(int) - given.array).max() <= 4  # that is, it does its best


@pytest.mark.skipif(AvifOfPillow.missing() is not None, reason="Pillow without AVIF")
@pytest.mark.parametrize("channels", [1, 2])
def test_avif_of_pillow_is_exact_without_colour(channels):
    codec = AvifOfPillow()
    given = picture(array_of(channels, 8))
    assert unchanged(given, codec.decode(codec.encode(given)))


JPEG_LS = [peer for peer in (JpegLsOfImagecodecs, JpegLsOfPillow) if peer.missing() is None]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (64, 64), (257, 129)])
@pytest.mark.parametrize("peer", JPEG_LS, ids=lambda peer: peer.__name__)
def test_jpeg_ls_takes_noise_of_every_size(peer, size):
    for kind in peer.forms:
        given = picture(array_of(*kind, size=size))
        assert unchanged(given, peer().decode(peer().encode(given)))


@pytest.mark.skipif(JpegLsOfPillow.missing() is not None, reason="without pillow-jpls")
@pytest.mark.parametrize("peer", JPEG_LS, ids=lambda peer: peer.__name__)
@pytest.mark.parametrize("bits", [1, 2, 3, 7, 9, 10, 12, 14, 15])
def test_jpeg_ls_is_given_the_true_depth_of_gray_where_that_is_smaller(peer, bits):
    from nelloc.bench.peers.package import save

    random = np.random.default_rng(0)
    slope = np.add.outer(np.arange(60), 2 * np.arange(80)) / 220 * (1 << bits)
    samples = (slope + random.normal(0, (1 << bits) / 200, slope.shape)).clip(0, (1 << bits) - 1)
    given = picture(samples.astype(np.uint8 if bits <= 8 else np.uint16))
    data = peer().encode(given)
    assert unchanged(given, peer().decode(data))
    depths = [given.bits] if bits <= 8 and peer is JpegLsOfPillow else [max(2, bits), given.bits]
    assert len(data) <= min(len(save(given.array, "JPEG-LS", bits_per_sample=depth)) for depth in depths)


def test_jpeg_xl_names_its_libjxl():
    if JpegXlOfPillow.missing() is not None:
        pytest.skip("without pillow-jxl-plugin")
    assert re.search(r"libjxl \d+\.\d+", JpegXlOfPillow().version())


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: peer.__name__)
def test_every_peer_says_what_it_is(peer):
    assert peer.about
    assert set(peer.usual) <= set(peer.efforts)
    assert peer().effort in peer.efforts
    assert peer.missing() is None or "\n" not in peer.missing()
    if peer.missing() is None:
        assert peer().version()


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (array_of(1, 8), np.repeat(array_of(1, 8)[..., None], 3, axis=2), True),  # gray as three equal channels
        (array_of(3, 8), np.concatenate([array_of(3, 8), np.full((21, 34, 1), 255, np.uint8)], axis=2), True),
        (array_of(3, 8), np.concatenate([array_of(3, 8), np.full((21, 34, 1), 254, np.uint8)], axis=2), False),
        (array_of(2, 8), np.repeat(array_of(2, 8), [3, 1], axis=2), True),
        (array_of(4, 8), array_of(4, 8)[..., :3], False),
        (array_of(3, 8), array_of(3, 8)[::-1], False),
        (array_of(3, 8), array_of(3, 8)[:-1], False),
        (array_of(1, 16), (array_of(1, 16) >> 8).astype(np.uint8), False),
        (array_of(1, 8), array_of(1, 8).astype(np.uint16), False),
        (array_of(1, 8), np.zeros((21, 34, 5), np.uint8), False),
        (array_of(1, 8), np.zeros(3, np.uint8), False),
    ],
)
def test_what_counts_as_unchanged(before, after, same):
    assert unchanged(picture(before), after) is same


@pytest.mark.parametrize("kind", [(1, 8), (3, 8), (3, 16)])
def test_one_sample_that_differs_is_seen(kind):
    before = array_of(*kind)
    for place in (0, before.size // 2, before.size - 1):
        after = before.copy()
        after.flat[place] ^= 1
        assert not unchanged(picture(before), after)


# What a picture shows


def test_palettes_bits_and_transparent_colours_are_shown():
    palette = Palette("RGB", bytes([10, 20, 30, 40, 50, 60]), b"\xff\x07")
    indices = np.array([[[0, 1]]], np.uint8)
    np.testing.assert_array_equal(
        shown(Pixels(Kind.PALETTE, (indices,), palette)), [[[10, 20, 30, 255], [40, 50, 60, 7]]]
    )
    opaque = dataclasses.replace(palette, transparency=None)
    np.testing.assert_array_equal(shown(Pixels(Kind.PALETTE, (indices,), opaque)), [[[10, 20, 30], [40, 50, 60]]])
    np.testing.assert_array_equal(shown(Pixels(Kind.BILEVEL, (indices,))), [[0, 255]])
    np.testing.assert_array_equal(shown(Pixels(Kind.GRAY, (indices,), transparent=(1,))), [[[0, 255], [1, 0]]])
    colour = np.array([[[1, 1]], [[2, 2]], [[3, 4]]], np.uint16)
    np.testing.assert_array_equal(
        shown(Pixels(Kind.RGB16, (colour,), transparent=(1, 2, 4))), [[[1, 2, 3, 65535], [1, 2, 4, 0]]]
    )


@pytest.mark.parametrize("mode", ["1", "P", "PA", "L", "LA", "RGB", "RGBA", "I;16"])
def test_png_keeps_what_every_mode_shows_and_palettes_as_they_are(mode):
    random = np.random.default_rng(1)
    if mode == "I;16":
        source = Image.fromarray(array_of(1, 16))
    elif mode in ("P", "PA"):
        source = Image.frombytes("P", (34, 21), random.integers(0, 4, 34 * 21, dtype=np.uint8).tobytes())
        source.putpalette(bytes(range(12)))
        if mode == "PA":
            source.info["transparency"] = 2
    else:
        source = Image.fromarray(array_of(4, 8)).convert(mode)
    given = Picture.of("a", image.from_image(source))
    codec = peers.Png()
    data = codec.encode(given)
    assert unchanged(given, codec.decode(data))
    if mode in ("1", "P", "PA"):
        assert len(data) < 34 * 21  # as indices or bits, not as colours


# Finding


def test_a_name_gives_the_usual_efforts_and_an_effort_gives_that(monkeypatch):
    assert [peer.label for peer in peers.find("webp")] == ["webp:6", "webp:9"]
    assert peers.find("webp:3", threads=2) == [peers.WebP(3, 2)]
    assert [peer.label for peer in peers.find("jpeg2000")] == ["jpeg2000"]


@pytest.mark.parametrize("wanted", ["nosuch", "", "webp:10", "webp:-1", "webp:x", "webp:²", "jpeg2000:1", "PNG"])
def test_an_unknown_peer_or_effort_is_refused(wanted):
    with pytest.raises(NellocError):
        peers.find(wanted)


def test_the_first_that_is_not_missing_is_used(monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Other(Raw):
        name = "absent"

    monkeypatch.setattr(peers, "PEERS", (Absent, Other))
    assert peers.find("absent") == [Other(0, 1)]
    monkeypatch.setattr(peers, "PEERS", (Absent, Raw, peers.Paq8px))
    assert list(peers.find_all()) == [peers.Missing("absent", "no absent on PATH"), [Raw(0, 1)]]


def test_packages_that_are_not_installed_are_named_with_what_brings_them(monkeypatch, path):
    for module in ("imagecodecs", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, module, None)
    found = peers.find("jpegxl")
    assert found == peers.Missing(
        "jpegxl",
        f"pillow-jxl-plugin is not installed; no cjxl and no djxl on PATH; {install_advice('bench')}",
    )


def test_what_a_peer_does_not_take_is_said():
    assert peers.WebP(0).refuses(picture(array_of(3, 16))) == "takes no 16-bit RGB"
    assert "16383" in str(peers.WebP(0).refuses(picture(np.zeros((1, 16384), np.uint8))))
    assert peers.WebP(0).refuses(picture(np.zeros((1, 16383), np.uint8))) is None


# Programs on PATH, as scripts that do what the programs would


def install(folder: Path, name: str, body: str) -> None:
    """A program of this name: Python with ``a``, the arguments that are no options."""
    path = folder / name
    head = f"#!{sys.executable}\nimport sys, shutil\na = [x for x in sys.argv[1:] if not x.startswith('-')]\n"
    path.write_text(head + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_programs_that_are_not_on_path_are_missing(path):
    assert Flif.missing() == "no flif on PATH"
    assert JpegXlTools.missing() == "no cjxl and no djxl on PATH"
    install(path, "cjxl", "")
    assert JpegXlTools.missing() == "no djxl on PATH"


@pytest.mark.skipif(sys.platform == "win32", reason="scripts are not programs there")
def test_versions_are_found_in_banners_and_help(path):
    install(path, "flif", r"""print(" (___ | | | ___)   FLIF (Free Lossless Image Format) 0.4 [21 Nov 2021]")""")
    assert peers.Flif().version() == "FLIF 0.4"
    install(path, "paq8px", """print("paq8px archiver v216 (c) 2026, its authors")""")
    assert peers.Paq8px().version() == "paq8px archiver v216"


@pytest.mark.skipif(sys.platform == "win32", reason="scripts are not programs there")
@pytest.mark.parametrize(
    ("peer", "copy"),
    [
        (peers.Flif, "shutil.copy(*a[-2:])"),
        (peers.Paq8px, "shutil.copy(*a[-2:]) if a else None"),
        (peers.OxiPng, "shutil.copy(a[-1], a[-2])"),
        (peers.OptiPng, "shutil.copy(a[-1], a[-2])"),
        (peers.ZopfliPng, "shutil.copy(*a[-2:])"),
        (JpegXlTools, "shutil.copy(*a[-2:])"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_programs_get_files_and_their_failures_are_told(path, peer: type[Peer], copy):
    given = picture(array_of(3, 8))
    for program in peer.programs:
        install(path, program, f"print('{program} 1.5') if '--version' in sys.argv else {copy}")
    assert peer.missing() is None
    assert peer().version()
    assert unchanged(given, peer().decode(peer().encode(given)))
    install(path, peer.programs[0], "print('one'); print('no licence', file=sys.stderr); sys.exit(3)")
    with pytest.raises(NellocError, match="no licence"):
        peer().encode(given)
    install(path, peer.programs[0], "")  # says nothing and writes nothing
    with pytest.raises(NellocError, match="failed"):
        peer().encode(given)
    assert shutil.which(peer.programs[0])
