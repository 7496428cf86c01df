"""Encoder objectives and the training loop."""

from __future__ import annotations

import copy
import math
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from strokes import small_vae, strokes, trained_vae  # noqa: E402

from nelloc.errors import NellocError  # noqa: E402
from nelloc.research.vae.bounds import amortised_elbo, bits_per_dimension  # noqa: E402
from nelloc.research.vae.inference import (  # noqa: E402
    Denoising,
    HalfAsleep,
    reverse_sleep,
    reverse_wake_sleep,
    sleep,
    wake,
    wake_sleep,
)
from nelloc.research.vae.models import VAE, Posterior  # noqa: E402
from nelloc.research.vae.training import EpochSettings, OutlierGuard, fit  # noqa: E402

OBJECTIVES = {
    "wake": wake,
    "sleep": sleep,
    "reverse sleep": reverse_sleep,
    "half-asleep": HalfAsleep(),
    "denoising": Denoising(0.2),
}


def generator(seed: int = 0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_encoder_learns_and_the_decoder_stays(name):
    vae = trained_vae()
    decoder = copy.deepcopy(vae.decoder.state_dict())
    torch.manual_seed(5)
    vae.encoder = copy.deepcopy(small_vae(seed=5).encoder)  # an encoder that knows nothing
    images, test = strokes(400), strokes(200, seed=1)
    before = amortised_elbo(vae, test, samples=5).mean()
    fit(vae, images, OBJECTIVES[name], EpochSettings(10, batch=50, learning_rate=3e-3, encoder_only=True))
    assert amortised_elbo(vae, test, samples=5).mean() > before + 1
    assert all(torch.equal(value, decoder[key]) for key, value in vae.decoder.state_dict().items())
    assert all(weight.requires_grad for weight in vae.parameters())


def test_half_asleep_is_a_mixture_of_wake_and_reverse_sleep():
    vae, images = small_vae(), strokes(20)
    # Equation 4.27: alpha is the model's share, so that 0 is the VAE's own loss.
    assert torch.equal(HalfAsleep(0.0)(vae, images, generator()), wake(vae, images, generator()))
    half = HalfAsleep(0.75)(vae, images, generator())
    shared = generator()
    parts = [wake(vae, images, shared), reverse_sleep(vae, images, shared)]
    torch.testing.assert_close(half, 0.25 * parts[0] + 0.75 * parts[1])


def test_images_of_the_aggregate_posterior_are_those_of_the_data_where_the_decoder_is_sharp(monkeypatch):
    """Section 4.4: latents of training images' posteriors, instead of the prior's, are decoded."""
    vae, images = small_vae(), strokes(20)
    seen = []
    real = VAE.sample_images
    monkeypatch.setattr(VAE, "sample_images", lambda self, latents, by: seen.append(latents) or real(self, latents, by))
    HalfAsleep(0.5, aggregate=True)(vae, images, generator())
    posterior = vae.posterior(images)
    (latents,) = seen
    # One latent for each image, within its own posterior.
    assert latents.shape == posterior.mean.shape
    assert (((latents - posterior.mean) / posterior.deviation).abs() < 6).all()


def test_denoising_without_noise_is_the_plain_loss():
    vae, images = trained_vae(), strokes(200)
    with torch.no_grad():
        many = [(Denoising(0.0)(vae, images, generator(s)), wake(vae, images, generator(s + 50))) for s in range(20)]
        quiet, plain = torch.tensor(many).mean(0)
        assert quiet.item() == pytest.approx(plain.item(), rel=0.01)
        assert Denoising(1.0)(vae, images, generator()) > plain


def test_the_sleep_loss_is_least_at_the_true_posterior():
    # A decoder that ignores z: the true posterior of any image is the prior.
    class Ignorant(VAE):
        posterior_given = Posterior(torch.zeros(1, 3), torch.ones(1, 3))

        def posterior(self, images):
            return Posterior(*(value.expand(len(images), 3) for value in vars(self.posterior_given).values()))

    vae = Ignorant(small_vae().architecture)
    least = sleep(vae, strokes(4000), generator())
    assert least.item() == pytest.approx(1.5 * (1 + math.log(2 * math.pi)), abs=0.1)  # the prior's entropy
    for mean, deviation in ((0.3, 1.0), (0.0, 0.7), (0.0, 1.4)):
        vae.posterior_given = Posterior(torch.full((1, 3), mean), torch.full((1, 3), deviation))
        assert sleep(vae, strokes(4000), generator()) > least


@pytest.mark.parametrize(("objective", "asleep"), [(wake_sleep, sleep), (reverse_wake_sleep, reverse_sleep)])
def test_wake_sleep_gives_the_decoder_data_and_the_encoder_dreams(objective, asleep):
    vae, images = trained_vae(epochs=2), strokes(50)
    vae.zero_grad()
    objective(vae, images, generator()).backward()
    found = {name: weight.grad.clone() for name, weight in vae.named_parameters()}
    # One after the other from the same random numbers: first the decoder's data, then the encoder's dreams.
    shared = generator()
    vae.zero_grad()
    wake(vae, images, shared).backward()
    expected = {name: weight.grad.clone() for name, weight in vae.decoder.named_parameters(prefix="decoder")}
    vae.zero_grad()
    asleep(vae, images, shared).backward()
    expected |= {name: weight.grad for name, weight in vae.encoder.named_parameters(prefix="encoder")}
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name])


@pytest.mark.parametrize("objective", [wake_sleep, reverse_wake_sleep])
def test_wake_sleep_trains_a_whole_vae(objective):
    vae, images, test = small_vae(), strokes(400), strokes(200, seed=1)
    before = amortised_elbo(vae, test, samples=5).mean()
    fit(vae, images, objective, EpochSettings(15, batch=50, learning_rate=3e-3))
    assert amortised_elbo(vae, test, samples=5).mean() > before + 5


def test_half_asleep_beats_the_plain_encoder_on_test_images_with_three_seeds():
    gains = []
    for seed in range(3):
        vae = small_vae(seed=seed)
        images, test = strokes(40, seed=10 + seed), strokes(500, seed=20 + seed)
        fit(vae, images, wake, EpochSettings(500, batch=40, learning_rate=5e-3, seed=seed))
        rates = []
        for objective in (wake, HalfAsleep()):
            encoder = copy.deepcopy(vae)
            fit(encoder, images, objective, EpochSettings(120, 40, 2.5e-3, seed, encoder_only=True))
            rates.append(bits_per_dimension(amortised_elbo(encoder, test, samples=10), vae))
        gains.append(rates[0] - rates[1])
    assert min(gains) > 0.01  # bits per dimension, of about 0.7


def test_low_precision_trains_as_well(monkeypatch):
    monkeypatch.setattr("nelloc.research.vae.training.bfloat16_is_faster", lambda device: True)
    seen, found = [], {}
    for low in (False, True):
        vae = small_vae()

        def objective(vae, images, generator):
            seen.append(vae.low_precision)
            return wake(vae, images, generator)

        fit(vae, strokes(400), objective, EpochSettings(15, batch=50, learning_rate=3e-3), low_precision=low)
        found[low] = bits_per_dimension(amortised_elbo(vae, strokes(200, seed=1), samples=5), vae)
        assert not vae.low_precision
    assert seen == 15 * 8 * [False] + 14 * 8 * [True] + 8 * [False]
    assert found[True] != found[False]
    assert found[True] == pytest.approx(found[False], rel=0.02)


def test_a_run_that_was_cut_off_goes_on_to_the_same_result(tmp_path):
    plan = EpochSettings(4, batch=50)
    whole = small_vae()
    rows = fit(whole, strokes(100), wake, plan, measure=lambda epoch: {"twice": 2.0 * epoch})
    path = tmp_path / "run.safetensors"
    broken = small_vae()

    def stop(epoch: int):
        if epoch == 3:
            raise KeyboardInterrupt
        return {"twice": 2.0 * epoch}

    with pytest.raises(KeyboardInterrupt):
        fit(broken, strokes(100), wake, plan, measure=stop, checkpoint=path)
    resumed = small_vae()
    seen = []
    again = fit(
        resumed,
        strokes(100),
        wake,
        plan,
        measure=lambda epoch: {"twice": 2.0 * epoch},
        progress=lambda: seen.append(1),
        checkpoint=path,
    )
    assert again == rows
    assert len(seen) == 4
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_the_rate_rises_over_the_first_steps(monkeypatch):
    rates = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self)))
    fit(small_vae(), strokes(100), wake, EpochSettings(2, batch=50, learning_rate=0.3, warm_up=3))
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.3])


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1e4])
def test_a_batch_whose_gradient_is_out_of_all_bounds_changes_nothing(factor):
    """But Adam's next step is one that it would have taken without it."""
    trained = {}
    for broken in (None, 3):
        calls = []

        def objective(vae, images, generator, calls=calls, broken=broken):
            calls.append(1)
            loss = wake(vae, strokes(20), torch.Generator().manual_seed(0))
            return factor * loss if len(calls) == broken else loss

        vae = small_vae()
        fit(vae, strokes(400 if broken else 380), objective, EpochSettings(1, batch=20))
        trained[broken] = torch.cat([weight.detach().flatten() for weight in vae.parameters()])
    assert trained[3].isfinite().all()
    # Twenty steps of which one was skipped, and nineteen.
    assert torch.equal(trained[3], trained[None])


def test_a_run_that_goes_on_remembers_what_gradients_are_usual(tmp_path, monkeypatch):
    """Its first gradient is far too large: unbroken runs do not follow it, so it must not either."""
    monkeypatch.setattr("nelloc.research.vae.training.WRITING_SHARE", math.inf)  # each epoch is kept
    trained = {}
    for name, broken in (("whole", False), ("broken", True)):
        state = {"epoch": 0, "spoil": True}

        def objective(vae, images, generator, state=state):
            spoilt = state["epoch"] == 2 and state["spoil"]
            state["spoil"] &= not spoilt
            return wake(vae, images, generator) * (1e4 if spoilt else 1)

        def measure(epoch, state=state):
            state["epoch"] = epoch
            return {}

        path, plan = tmp_path / name, EpochSettings(3, batch=10)
        if broken:

            def stop(epoch, measure=measure):
                if epoch == 3:
                    raise KeyboardInterrupt
                return measure(epoch)

            with pytest.raises(KeyboardInterrupt):
                fit(small_vae(), strokes(100), objective, plan, measure=stop, checkpoint=path)
            state["spoil"] = True
        vae = small_vae()
        fit(vae, strokes(100), objective, plan, measure=measure, checkpoint=path)
        trained[name] = torch.cat([weight.detach().flatten() for weight in vae.parameters()])
    assert torch.equal(trained["whole"], trained["broken"])


def test_gradients_that_stay_large_are_followed_in_the_end():
    weight = torch.nn.Parameter(torch.zeros(()))
    optimiser = torch.optim.Adam([weight], fused=True)
    guard = OutlierGuard(optimiser, torch.nn.ParameterList([weight]))
    taken = []
    for gradient in [1.0] * 5 + [1000.0] * 40:
        weight.grad = torch.tensor(gradient)
        guard.judge()
        taken.append(optimiser.found_inf.item() == 0)
    assert all(taken[:5])
    assert not taken[5]
    assert all(taken[-10:])


def test_a_run_with_too_many_bad_losses_ends():
    def objective(vae, images, generator):
        return wake(vae, images, generator) * torch.nan

    with pytest.raises(NellocError, match="epoch 1 is not a number; try another --seed"):
        fit(small_vae(), strokes(50), objective, EpochSettings(1))


def test_large_checkpoints_are_written_seldom(tmp_path, monkeypatch):
    """Writing takes a second here, after which there is none for twenty; the last epoch is always kept."""
    now, kept = [0.0], []

    def keep(path, origin, vae, optimiser, guard, rows, low_precision):
        now[0] += 1
        kept.append(len(rows))

    def measure(epoch):
        now[0] += 7
        return {}

    monkeypatch.setattr("nelloc.research.vae.training._keep", keep)
    monkeypatch.setattr("nelloc.research.vae.training.time", SimpleNamespace(monotonic=lambda: now[0]))
    fit(small_vae(), strokes(20), wake, EpochSettings(8), measure=measure, checkpoint=tmp_path / "run")
    assert kept == [1, 4, 7, 8]


def test_a_run_goes_on_in_the_precision_that_it_began_with(tmp_path, monkeypatch):
    seen = []

    def objective(vae, images, generator):
        seen.append(vae.low_precision)
        return wake(vae, images, generator)

    def stop(epoch: int):
        if epoch == 2:
            raise KeyboardInterrupt
        return {}

    path, plan = tmp_path / "run.safetensors", EpochSettings(4, batch=50)
    for faster, measure in ((True, stop), (False, lambda epoch: {})):
        monkeypatch.setattr("nelloc.research.vae.training.bfloat16_is_faster", lambda device, faster=faster: faster)
        with suppress(KeyboardInterrupt):
            fit(small_vae(), strokes(50), objective, plan, measure=measure, checkpoint=path, low_precision=True)
    assert seen == [True] * 2 + [True] * 2 + [False]  # the second epoch twice, as it was not kept


CHANGES = {
    "plan": lambda: fit(small_vae(), strokes(50), wake, EpochSettings(1, seed=2), checkpoint=Path("run")),
    "images": lambda: fit(small_vae(), strokes(50, seed=1), wake, EpochSettings(1), checkpoint=Path("run")),
    "objective": lambda: fit(small_vae(), strokes(50), HalfAsleep(), EpochSettings(1), checkpoint=Path("run")),
    "start": lambda: fit(small_vae(seed=1), strokes(50), wake, EpochSettings(1), checkpoint=Path("run")),
    "architecture, images, start": lambda: fit(
        small_vae("gray"), strokes(50, "gray"), wake, EpochSettings(1), checkpoint=Path("run")
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_checkpoints_of_other_runs_are_refused(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    fit(small_vae(), strokes(50), wake, EpochSettings(1), checkpoint=Path("run"))
    before = Path("run").read_bytes()
    with pytest.raises(NellocError, match=rf"^run: belongs to another run \({what} differ\);"):
        CHANGES[what]()
    assert Path("run").read_bytes() == before


def test_damaged_checkpoints_are_refused(tmp_path):
    path = tmp_path / "run"
    fit(small_vae(), strokes(50), wake, EpochSettings(1), checkpoint=path)
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for damaged in (b"", b"nothing", data[:100], data[:-1], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(NellocError, match="run: is damaged; remove it"):
            fit(small_vae(), strokes(50), wake, EpochSettings(1), checkpoint=path)


def test_a_diverged_run_has_no_result():
    with pytest.raises(NellocError, match="not a number"):
        fit(
            small_vae(),
            strokes(100),
            lambda vae, images, _: wake(vae, images, generator()) * math.nan,
            EpochSettings(1),
        )
