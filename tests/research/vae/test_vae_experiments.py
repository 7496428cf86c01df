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
from nelloc.research.vae import EXPERIMENTS, bits_back_rates, setup  # noqa: E402
from nelloc.research.vae.models import Posterior  # noqa: E402
from nelloc.research.vae.posterior_classes import Coded, accuracy  # noqa: E402

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
        small = replace(chosen, architecture=shape, images=20, batch=10, tested=10, encoder_epochs=2, optimal_epochs=3)
        monkeypatch.setitem(setup.QUICK, kind, small)
    monkeypatch.setattr("nelloc.research.vae.bits_back_rates.MOST_STEPS", 2)
    for kind, recipe in bits_back_rates.RECIPES.items():
        monkeypatch.setitem(bits_back_rates.RECIPES, kind, replace(recipe, latent=2, steps=1))
    monkeypatch.setattr("nelloc.research.vae.posterior_classes.SAMPLES", 2)
    monkeypatch.setattr("nelloc.research.vae.reverse_sleep.QUICK_TRAIN", 20)
    monkeypatch.setattr("nelloc.research.vae.reverse_sleep.TEST", 10)
    monkeypatch.setattr("nelloc.research.vae.latent_sizes.SIZES", (2, 3))
    return Settings(epochs=1, data=tmp_path / "data", out=tmp_path / "out", length="quick")


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
    trained = {path: path.stat().st_mtime_ns for path in (tiny.out / "checkpoints").iterdir()}
    assert len(trained) == 3  # the VAE, what was kept of it, and the encoder of optimal inference
    perform(BY_NAME["iwae"], tiny)
    assert {path: path.stat().st_mtime_ns for path in trained} == trained


@pytest.mark.parametrize("first", ["reverse-sleep", "half-asleep-binary"])
def test_a_vae_of_one_experiment_is_whole_for_the_others(tiny, first):
    """Figure 4.2 needs the VAE's end only, and leaves what Figure 4.4 needs of it."""
    settings = replace(tiny, epochs=6)
    perform(BY_NAME[first], settings)
    for name in {"reverse-sleep", "half-asleep-binary"} - {first}:
        assert perform(BY_NAME[name], settings)["numbers"]


def test_a_kept_vae_that_is_gone_is_named(tiny):
    perform(EXPERIMENTS[0], tiny)
    for path in (tiny.out / "checkpoints").glob("*-at1.safetensors"):
        path.unlink()
    with pytest.raises(NellocError, match=r"is missing or damaged; remove .*-epochs1\.safetensors"):
        perform(BY_NAME["iwae"], tiny)


def test_a_vae_of_the_users_width_is_another_one(tiny):
    images = setup.pictures(tiny, "colour")
    for width in (None, 3):
        kept, _ = setup.trained_vae(replace(tiny, width=width), "colour", images, seed=1)
        assert kept[-1].vae.architecture.width == (width or 4)
    assert len(list((tiny.out / "checkpoints").iterdir())) == 4


@pytest.mark.parametrize(
    ("kind", "width", "rate"),
    [("colour", None, 5e-4), ("colour", 512, 2.5e-4), ("colour", 160, 8e-4), ("colour", 8, 1e-3), ("gray", 50, 1e-3)],
)
def test_the_rate_goes_with_the_inverse_of_the_width_up_to_a_limit(kind, width, rate):
    assert setup.setup(Settings(width=width), kind).learning_rate == pytest.approx(rate)


def test_a_medium_run_has_as_many_gray_as_binary_digits():
    """Of its own checkpoint; the coder's networks are those of a quick run."""
    quick, medium = Settings(length="quick"), Settings(length="medium")
    for kind in setup.TITLES:
        expected = setup.QUICK["binary" if kind == "gray" else kind]
        found = setup.setup(medium, kind)
        assert (found.images, found.tested) == (expected.images, expected.tested)
    assert setup.setup(quick, "gray").images == setup.QUICK["gray"].images == 500
    plan = setup.setup(medium, "gray").plan(1)
    files = {setup._checkpoint(run, "gray", setup.setup(run, "gray"), "", plan) for run in (quick, medium)}
    assert len(files) == 2


def test_every_training_of_an_experiment_warms_up_as_its_setup_says(tiny, monkeypatch):
    for kind in ("colour", "binary"):
        monkeypatch.setitem(setup.QUICK, kind, replace(setup.QUICK[kind], warm_up=7))
    plans = []
    real = setup.fit
    monkeypatch.setattr(setup, "fit", lambda *args, **named: plans.append(args[3]) or real(*args, **named))
    perform(BY_NAME["encoder-methods-colour"], tiny)
    assert [plan.warm_up for plan in plans] == [7] * 8  # the VAE, and seven encoders
    perform(BY_NAME["wake-sleep"], tiny)
    assert [plan.warm_up for plan in plans[8:]] == [7] * 3  # three VAEs


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


def test_optimal_inference_is_trained_on_the_test_images(tiny, monkeypatch):
    """Equation 4.19: and for its own number of epochs."""
    plans = []
    real = setup.fit
    monkeypatch.setattr(setup, "fit", lambda *args, **named: plans.append((args[1], args[3])) or real(*args, **named))
    perform(BY_NAME["half-asleep-binary"], tiny)
    images = setup.pictures(tiny, "binary")
    (_, vae), (asleep_on, asleep), (optimal_on, optimal) = plans
    assert torch.equal(asleep_on, images.train)
    assert torch.equal(optimal_on, images.test)
    assert not vae.encoder_only
    assert asleep.encoder_only
    assert optimal.encoder_only


def test_full_settings_are_those_of_the_thesis():
    """Sections 4.2.1, 4.4 and 4.5.2."""
    binary, gray, colour = (setup.FULL[kind] for kind in ("binary", "gray", "colour"))
    assert [s.architecture.latent for s in (binary, gray, colour)] == [16, 32, 128]
    assert (binary.architecture.width, binary.architecture.depth, colour.architecture.depth) == (500, 2, 2)
    assert (binary.epochs, binary.learning_rate, binary.keep_every, binary.kept[-1]) == (1000, 3e-4, 100, 1000)
    assert (colour.epochs, colour.learning_rate, len(colour.kept)) == (500, 5e-4, 5)
    assert [s.encoder_rate for s in (binary, gray, colour)] == [5e-4, 5e-4, 1e-5]
    assert (binary.encoder_epochs, binary.optimal_epochs) == (100, 500)
    recipes = bits_back_rates.RECIPES
    assert [recipes[kind].latent for kind in setup.TITLES] == [10, 10, 128]
    assert [recipes[kind].epochs for kind in setup.TITLES] == [100, 100, 500]
    assert [recipes[kind].asleep_epochs for kind in setup.TITLES] == [100, 300, 100]
    assert [recipes[kind].step_rate for kind in setup.TITLES] == [5e-3, 5e-3, 1e-3]


def test_fewer_epochs_keep_as_many_vaes_and_train_encoders_less():
    chosen = setup.setup(Settings(epochs=50), "binary")
    assert chosen.kept == list(range(5, 51, 5))
    assert (chosen.encoder_epochs, chosen.optimal_epochs) == (5, 25)


def test_a_perfect_models_images_are_its_own(tiny, monkeypatch):
    """Section 4.3.2: encoders begin anew, and see what the trained VAE has drawn."""
    starts = []
    real = setup.fit
    monkeypatch.setattr(
        setup,
        "fit",
        lambda *args, **named: (
            starts.append((args[1], next(args[0].encoder.parameters()).clone())) or real(*args, **named)
        ),
    )
    perform(BY_NAME["reverse-sleep"], tiny)
    (data, _), *encoders = starts
    assert len(encoders) == 3
    assert all(torch.equal(images, encoders[0][0]) for images, _ in encoders)
    assert not any(torch.equal(image, other) for image in encoders[0][0] for other in data)
    assert all(torch.equal(weights, encoders[0][1]) for _, weights in encoders)


def test_a_classifier_of_latents_is_as_good_as_the_latents_allow():
    """Two posteriors one deviation wide, four apart: 1 - Phi(2) of single samples are wrong, of 100 next to none."""
    torch.manual_seed(0)
    labels = torch.arange(4000) % 2
    sure = Coded(Posterior(4.0 * labels[:, None].float(), torch.ones(4000, 1)), labels)
    assert accuracy(sure, sure, seed=1) > 0.999
    unsure = Coded(Posterior(torch.zeros(4000, 1), torch.ones(4000, 1)), labels)
    assert accuracy(unsure, unsure, seed=1) == pytest.approx(0.5, abs=0.02)
    assert accuracy(sure, sure, seed=1) == accuracy(sure, sure, seed=1)
