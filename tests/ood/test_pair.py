"""Files of pairs: what is loaded scores as what was saved, and damage is named."""

import json

import pytest

torch = pytest.importorskip("torch", reason="pairs need torch")

import safetensors.torch  # noqa: E402
from pairs import noise, random_pair  # noqa: E402

from nelloc import NellocError  # noqa: E402
from nelloc.exact import model_store  # noqa: E402
from nelloc.ood.pair import PAIR, Pair, find, load, save, write  # noqa: E402
from nelloc.ood.scores import score  # noqa: E402
from nelloc.training.networks.full import FullConfig, FullNetwork  # noqa: E402


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_loaded_is_what_was_saved(tmp_path, channels):
    pair = random_pair(channels=channels)
    path = tmp_path / "pair.safetensors"
    write(path, pair)
    loaded = load(path)
    assert (loaded.height, loaded.width, loaded.channels, loaded.about) == (6, 5, channels, {"trained_on": "nothing"})
    assert loaded.full.config == pair.full.config
    # Weights are kept in 16 bits: scores change little, and then no more.
    images = noise(3, channels=channels)
    assert score(loaded, images).nonlocal_ == pytest.approx(score(pair, images).nonlocal_, abs=0.02)
    assert save(loaded) == path.read_bytes()


def test_a_pair_is_found_by_its_run_too(tmp_path):
    with pytest.raises(NellocError, match=r"has no pair.safetensors; give the folder of a run of nelloc train --ood"):
        find(str(tmp_path))
    (tmp_path / "pair.json").write_text("{}")
    with pytest.raises(NellocError, match=r"has no pair.safetensors; finish its training"):
        find(str(tmp_path))
    write(tmp_path / PAIR, random_pair())
    assert find(str(tmp_path)).shape == "5x6 gray"


def test_what_is_no_pair_is_named(tmp_path):
    path = tmp_path / "pair.safetensors"
    whole = save(random_pair())
    for data in (b"", b"no safetensors", whole[:100], whole[:-1]):
        path.write_bytes(data)
        with pytest.raises(NellocError, match="no pair of models"):
            load(path)
    with pytest.raises(NellocError, match="absent: no pair of models"):
        find("absent")
    tensors = safetensors.torch.load(whole)
    path.write_bytes(safetensors.torch.save(tensors))
    with pytest.raises(NellocError, match=r"no pair of models \(pair is missing from its metadata\)"):
        load(path)
    about = {"format": 1, "height": 6, "width": 5, "about": {}, "local": {}, "full": {}}
    nan = tensors | {"full.closing.bias": tensors["full.closing.bias"] * float("nan")}
    for wrong, changed in ((tensors, about), (tensors, about | {"format": 2}), (nan, about), ({}, about)):
        path.write_bytes(safetensors.torch.save(wrong, metadata={"pair": json.dumps(changed)}))
        with pytest.raises(NellocError, match="no pair of models"):
            load(path)


def test_two_models_that_are_no_pair_are_refused():
    wide, gray = FullNetwork(FullConfig(width=4, components=1)), FullNetwork(FullConfig(width=4, blocks=0, channels=1))
    with pytest.raises(NellocError, match="kernels that widen"):
        Pair(wide, wide, 8, 8)
    with pytest.raises(NellocError, match="1 and 3 channels"):
        Pair(gray, wide, 8, 8)


@pytest.mark.parametrize("name", model_store.shipped_pairs())
def test_shipped_pairs_load_and_are_small(name):
    pair = find(name)
    assert model_store.shipped_pairs()[name].stat().st_size <= 1_000_000
    assert pair.about["trained_on"]
    assert pair.local.config.horizon <= pair.full.config.horizon
