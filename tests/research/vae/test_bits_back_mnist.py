"""Bits-back coding of MNIST's test images: the promises of thesis Table 4.2, on a VAE trained for a minute."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from nelloc.research.experiment import Settings  # noqa: E402
from nelloc.research.vae.bits_back import BitsBackCoder  # noqa: E402
from nelloc.research.vae.bits_back_rates import code  # noqa: E402
from nelloc.research.vae.setup import pictures, trained_vae  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "gray"])
def test_a_thousand_test_images_come_back_at_the_rate_of_the_elbo(data, tmp_path, kind):
    settings = Settings(length="quick", epochs=15, data=data, out=tmp_path)
    images = pictures(settings, kind)
    vae = trained_vae(settings, kind, images, seed=1)[0][-1].vae
    row = code(settings, BitsBackCoder(vae), images.test[:1000])  # raises if an image comes back changed
    assert row["net over negative ELBO"] == pytest.approx(1, abs=0.01)
    assert row["net bpd"] < row["gross bpd"] < 1.01 * row["net bpd"]


@pytest.mark.slow
def test_algorithm_2_gains_on_mnist(data, tmp_path):
    settings = Settings(length="quick", epochs=15, data=data, out=tmp_path)
    images = pictures(settings, "binary")
    vae = trained_vae(settings, "binary", images, seed=1)[0][-1].vae
    plain, improved = (code(settings, BitsBackCoder(vae, steps), images.test[:200]) for steps in (0, 10))
    assert improved["net bpd"] < plain["net bpd"]
    assert improved["net over negative ELBO"] == pytest.approx(1, abs=0.01)
