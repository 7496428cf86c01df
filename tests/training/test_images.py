"""Whole images as training data: each is seen once before any again, and convolutional models learn and resume."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from nelloc import NellocError  # noqa: E402
from nelloc.training.images import ImageBatch, ImageSampler, planes  # noqa: E402
from nelloc.training.loop import Listener, Trainer, TrainingConfig, train  # noqa: E402
from nelloc.training.networks.full import FullConfig, FullNetwork  # noqa: E402
from nelloc.training.networks.mixture import bits_per_dimension  # noqa: E402

RANDOM = np.random.default_rng(0)


class Rows(Listener):
    """Collects validations."""

    def __init__(self, rows):
        self.rows = rows

    def report(self, row):
        self.rows.append(row)


def waves(count, size=8, channels=1, seed=0):
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    phases = random.uniform(0, 6, (count, channels, 1, 1))
    return (128 + 90 * np.sin(rows / 2 + columns / 3 + phases)).astype(np.uint8)


def numbered(count):
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 1, 2, 3))


@pytest.mark.parametrize("workers", [1, 3])
def test_every_image_is_drawn_once_before_any_again(workers):
    source = ImageSampler(numbered(12), seed=1)
    drawers = [source.open(worker, workers) for worker in range(workers)]
    per_worker = 12 // workers
    for _ in range(2):
        seen = []
        for drawer in drawers:
            for _ in range(per_worker // 2):
                (images,) = drawer.draw(12)  # pixels, that is two images
                seen += images[:, 0, 0, 0].tolist()
        assert sorted(seen) == list(range(12))


def test_a_seed_decides_the_order_and_flips():
    images = RANDOM.integers(0, 256, (20, 3, 4, 4), np.uint8)

    def draw(seed, flip):
        return ImageSampler(images, seed, flip=flip).open(0, 1).draw(20 * 16)[0]

    assert np.array_equal(draw(1, 0.5), draw(1, 0.5))
    assert not np.array_equal(draw(1, 0.5), draw(2, 0.5))
    assert np.array_equal(draw(1, 1.0), draw(1, 0.0)[:, :, :, ::-1])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_has_the_networks_bits_per_dimension(channels):
    network = FullNetwork(FullConfig(width=8, components=2, channels=channels))
    batch = ImageBatch.of(waves(5, channels=channels))
    with torch.no_grad():
        expected = float(bits_per_dimension(network.log_likelihood(batch.images.float()), channels * 64))
    assert batch.pixels == 5 * 64
    assert batch.bits(network).item() == pytest.approx(expected, rel=1e-5)
    network.low_precision = True
    assert batch.rate(network) == pytest.approx(expected, rel=1e-5)
    assert network.low_precision
    assert batch.bits(network).item() == pytest.approx(expected, abs=0.05)


def test_passes_hold_all_images(monkeypatch):
    monkeypatch.setattr("nelloc.training.images.IMAGE_PASS_PIXELS", 140)
    batch = ImageBatch.of(waves(5))
    parts = [part.images for part in batch.passes()]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat(parts), batch.images)


def test_training_learns_and_resumes_exactly(tmp_path):
    torch.set_num_threads(1)
    shape = FullConfig(horizon=2, width=8, components=2, channels=1, blocks=1)
    config = TrainingConfig(network=shape, pixels=64 * 8 * 40, batch=64 * 8, warm_up=64 * 8 * 4)
    trainer, rows = Trainer(config), []
    held_out = {"held-out": ImageBatch.of(waves(6, seed=9))}
    train(trainer, ImageSampler(waves(30), 1), held_out, tmp_path, every=64 * 8 * 10, listener=Rows(rows))
    assert len(rows) == 4
    assert rows[-1]["held-out_bpd"] < rows[0]["held-out_bpd"]
    resumed = Trainer.resume(tmp_path, pixels=64 * 8 * 80)
    trainer.config = resumed.config
    assert resumed.config.network == shape
    batch = ImageBatch.of(waves(8, seed=5))
    assert resumed.step(batch) == trainer.step(batch)
    for mine, its in zip(resumed.network.parameters(), trainer.network.parameters(), strict=True):
        assert torch.equal(mine, its)
    with pytest.raises(NellocError, match="cannot code"):
        resumed.coded()


def test_arrays_become_planes():
    gray, colour = RANDOM.integers(0, 256, (2, 4, 5), np.uint8), RANDOM.integers(0, 256, (2, 4, 5, 3), np.uint8)
    assert np.array_equal(planes(gray)[:, 0], gray)
    assert np.array_equal(planes(colour)[:, 1], colour[..., 1])
    for wrong in (gray[0], colour[..., :2]):
        with pytest.raises(NellocError, match="images of shape"):
            planes(wrong)
