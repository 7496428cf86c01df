"""The experiments of chapter 4 run whole, on very small data."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from PIL import Image  # noqa: E402

from nelloc.errors import NellocError  # noqa: E402
from nelloc.research.experiment import Settings, perform  # noqa: E402
from nelloc.research.vae import EXPERIMENTS, setup  # noqa: E402
from nelloc.research.vae.posterior_classes import fit_linear  # noqa: E402

BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Settings:
    """Settings of a quick run on 60 random digits and pictures, with networks of a few units."""
    random = np.random.default_rng(0)
    mnist, cifar = tmp_path / "data" / "mnist", tmp_path / "data" / "cifar10"
    mnist.mkdir(parents=True)
    cifar.mkdir()
    for part in ("train", "t10k"):
        pixels, labels = random.integers(0, 256, (60, 28, 28)), np.arange(60) % 10
        for name, values in ((f"{part}-images-idx3-ubyte.gz", pixels), (f"{part}-labels-idx1-ubyte.gz", labels)):
            head = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            (mnist / name).write_bytes(gzip.compress(head + values.astype(np.uint8).tobytes()))
    for name in ("train_0.png", "test_0.png"):
        Image.fromarray(random.integers(0, 256, (20, 1024, 3), np.uint8)).save(cifar / name)
    for kind, chosen in setup.QUICK.items():
        shape = replace(chosen.architecture, width=4, latent=2)
        small = replace(
            chosen, architecture=shape, images=20, batch=10, gap_images=5, gap_steps=2, measured=10, optimal_steps=2
        )
        monkeypatch.setitem(setup.QUICK, kind, small)
    monkeypatch.setattr("nelloc.research.vae.tightness.QUICK_SAMPLES", 8)
    monkeypatch.setattr("nelloc.research.vae.bits_back_rates.CODED_STEPS", (0, 1))
    monkeypatch.setattr("nelloc.research.vae.bits_back_rates.CURVE_STEPS", (0, 1))
    return Settings(epochs=1, data=tmp_path / "data", out=tmp_path / "out", quick=True)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_each_writes_its_numbers_and_plots(experiment, tiny):
    report = perform(experiment, tiny)
    assert json.loads((tiny.out / f"{experiment.name}.json").read_text())["numbers"]
    assert report["plots"]
    assert all((tiny.out / plot).stat().st_size < 100_000 for plot in report["plots"])


def test_the_gap_of_a_result_is_exactly_its_parts(tiny):
    numbers = perform(EXPERIMENTS[0], tiny)["numbers"]
    assert numbers["EGG - GMGG - AIGG"] == 0
    assert numbers["EGG"] == pytest.approx(numbers["test bpd"] - numbers["train bpd"])


def test_experiments_share_the_vae_they_begin_with(tiny):
    perform(EXPERIMENTS[0], tiny)
    (kept,) = (tiny.out / "checkpoints").iterdir()
    before = kept.stat().st_mtime_ns
    perform(BY_NAME["iwae"], tiny)
    assert kept.stat().st_mtime_ns == before


def test_a_vae_of_the_users_width_is_another_one(tiny):
    images = setup.pictures(tiny, "colour")
    for width in (None, 3):
        vae, _ = setup.trained_vae(replace(tiny, width=width), "colour", images, seed=1)
        assert vae.architecture.width == (width or 4)
    assert len(list((tiny.out / "checkpoints").iterdir())) == 2


@pytest.mark.parametrize(
    ("kind", "width", "rate"),
    [("colour", None, 1e-4), ("colour", 800, 5e-5), ("colour", 100, 4e-4), ("colour", 8, 1e-3), ("gray", 50, 1e-3)],
)
def test_the_rate_goes_with_the_inverse_of_the_width_up_to_a_limit(kind, width, rate):
    assert setup.setup(Settings(width=width), kind).learning_rate == pytest.approx(rate)


def test_every_training_of_an_experiment_warms_up_as_its_setup_says(tiny, monkeypatch):
    for kind in ("colour", "binary"):
        monkeypatch.setitem(setup.QUICK, kind, replace(setup.QUICK[kind], warm_up=7))
    plans = []
    real = setup.fit
    monkeypatch.setattr(setup, "fit", lambda *args, **named: plans.append(args[3]) or real(*args, **named))
    perform(BY_NAME["encoder-methods-colour"], tiny)
    assert [plan.warm_up for plan in plans] == [7] * 6  # the VAE, and five encoders
    perform(BY_NAME["reverse-sleep"], tiny)
    assert [plan.warm_up for plan in plans[6:]] == [7] * 6  # three VAEs, and three encoders


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", ["half-asleep-colour", "posterior-classes", "bits-back-rates"])
def test_a_gpu_trains_and_goes_on(tiny, name):
    report = perform(BY_NAME[name], replace(tiny, epochs=2))
    assert report["device"] == torch.cuda.get_device_name()
    again = perform(BY_NAME[name], replace(tiny, epochs=2), force=True)  # from the checkpoints
    assert again["numbers"].keys() == report["numbers"].keys()


def test_missing_data_are_named(tiny, tmp_path):
    (tmp_path / "data" / "mnist" / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(NellocError, match="train-images-idx3-ubyte"):
        perform(EXPERIMENTS[0], tiny)


def test_optimal_inference_stands_beside_rates_of_the_same_images(tiny):
    """The first test images are easier than the rest; so ten of them are no measure for all sixty."""
    numbers = perform(BY_NAME["reverse-sleep"], tiny)["numbers"]
    assert numbers["measured test images"] == 10
    assert numbers["plain, measured test images"] == numbers["curves"]["plain"][-1]
    numbers = perform(BY_NAME["half-asleep-binary"], tiny)["numbers"]
    assert numbers["optimal inference, measured test images"] <= numbers["plain, measured test images"] + 0.01


def test_a_linear_classifier_finds_the_boundary_of_two_normals():
    """Between N(-1, 1) and N(2, 1) in the first feature, log odds are 3 x - 1.5; the second tells nothing."""
    torch.manual_seed(0)
    labels = torch.arange(40_000) % 2
    features = torch.randn(40_000, 2)
    features[:, 0] += 3.0 * labels - 1
    weight, bias = fit_linear(features, labels)
    assert (weight[:, 1] - weight[:, 0]).tolist() == pytest.approx([3, 0], abs=0.1)
    assert float(bias[1] - bias[0]) == pytest.approx(-1.5, abs=0.1)


def test_gaps_are_measured_after_the_last_epoch():
    chosen = setup.QUICK["binary"]
    assert setup.gap_epochs(replace(chosen, epochs=40, gap_points=4)) == [1, 10, 20, 30, 40]
    assert setup.gap_epochs(replace(chosen, epochs=1)) == [1]
    assert setup.gap_epochs(setup.QUICK["gray"]) == []
