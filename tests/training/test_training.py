"""Training sees what the codec sees, learns, and resumes where it stopped."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from PIL import Image  # noqa: E402

from nelloc import NellocError  # noqa: E402
from nelloc.exact.context import FIRST_PIXEL, context_sources  # noqa: E402
from nelloc.training import run  # noqa: E402
from nelloc.training.batches import BatchMaker, evaluate  # noqa: E402
from nelloc.training.curve import draw_curve  # noqa: E402
from nelloc.training.data import PixelPool, PixelSampler, image_paths, load_images  # noqa: E402
from nelloc.training.loop import Listener, Trainer, TrainingConfig, train  # noqa: E402
from nelloc.training.networks.local import LocalConfig  # noqa: E402
from nelloc.training.processes import Processes  # noqa: E402


def smooth_image(size=64, seed=0):
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    waves = [np.sin(rows / random.uniform(3, 9) + columns / random.uniform(3, 9)) for _ in range(3)]
    return np.clip(128 + 50 * np.stack(waves, axis=2) + random.normal(size=(size, size, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_sampled_contexts_are_those_of_the_codec(flip):
    """An image the size of the imaginary tile: where the tile covers it all, both must see the same borders."""
    size = 5
    random = np.random.default_rng(3)
    image = random.permutation(size * size * 3).astype(np.uint8).reshape(size, size, 3)  # every sample is unique
    coded = image[:, ::-1] if flip else image
    flat = np.concatenate([coded.reshape(-1, 3), np.full((1, 3), FIRST_PIXEL, np.uint8)])
    order, sources = context_sources(size, size, 3)
    known = {tuple(flat[p]): flat[sources[:, k]] for k, p in enumerate(order)}
    place = {tuple(flat[p]): divmod(int(p), size) for p in order}
    sampler = PixelSampler([PixelPool.from_images([image])], [1], 3, 0, tile_sizes=[10_000], gray=0, flip=flip)
    context, value, borders = sampler.draw(400)
    seen = set()
    for k in range(400):
        expected = known[tuple(value[:, k])]
        if np.array_equal(context[:, :, k], expected):
            seen.add(tuple(value[:, k]))
            row, column = place[tuple(value[:, k])]
            assert borders[:, k].tolist() == [row, column, size - 1 - column]
    # Tiles are far larger than the image, so that only the image's own borders cut contexts.
    assert len(seen) == len({tuple(v) for v in value.T}) > size * size // 2


def test_gray_samples_are_gray():
    sampler = PixelSampler([PixelPool.from_images([smooth_image()])], [1], 3, 0, gray=1.0)
    context, value, _ = sampler.draw(50)
    assert (context == context[:, :1]).all()
    assert (value == value[:1]).all()


def small_config(**fields):
    network = LocalConfig(width=16, components=3)
    return TrainingConfig(**({"network": network, "pixels": 60_000, "batch": 1000, "warm_up": 5000} | fields))


class Rows(Listener):
    """Collects validations."""

    def __init__(self, rows):
        self.rows = rows

    def report(self, row):
        self.rows.append(row)


def sampler(seed=0):
    return PixelSampler([PixelPool.from_images([smooth_image(seed=s) for s in range(3)])], [1], 3, seed)


def test_training_learns_and_a_checkpoint_resumes_exactly(tmp_path):
    torch.set_num_threads(1)
    validation = {"held": BatchMaker(LocalConfig())(*sampler(9).draw(2000))}
    rows = []
    trainer = Trainer(small_config())
    train(trainer, sampler(), validation, tmp_path, every=20_000, listener=Rows(rows))
    assert [round(row["megapixels"] * 1e6) for row in rows] == [20_000, 40_000, 60_000]
    assert rows[-1]["held_bpd"] < rows[0]["held_bpd"] < 8

    resumed = Trainer.resume(tmp_path, pixels=80_000)
    assert resumed.seen == 60_000
    assert resumed.config.pixels == 80_000
    batch = BatchMaker(LocalConfig())(*sampler(5).draw(1000))
    resumed.config = trainer.config
    assert resumed.step(batch) == trainer.step(batch)
    for a, b in zip(resumed.averaged.parameters(), trainer.averaged.parameters(), strict=True):
        assert torch.equal(a, b)


def test_one_seed_gives_one_model():
    torch.set_num_threads(1)
    batches = [BatchMaker(LocalConfig())(*sampler(s).draw(500)) for s in range(4)]
    results = []
    for _ in range(2):
        trainer = Trainer(small_config())
        for batch in batches:
            trainer.step(batch)
        results.append(evaluate(trainer.averaged, batches[0]))
    assert results[0] == results[1]


@pytest.mark.parametrize("began", [True, False])
def test_a_run_keeps_the_precision_it_began_with(tmp_path, monkeypatch, began):
    """On the machine that resumes it the other one may be faster."""
    batch = BatchMaker(LocalConfig())(*sampler().draw(1000))
    monkeypatch.setattr("nelloc.training.loop.bfloat16_is_faster", lambda device: began)
    trainer = Trainer(small_config())
    trainer.step(batch)
    trainer.save(tmp_path)
    assert json.loads((tmp_path / "checkpoint.json").read_text())["config"]["bfloat16"] is began
    monkeypatch.setattr("nelloc.training.loop.bfloat16_is_faster", lambda device: not began)
    resumed = Trainer.resume(tmp_path)
    assert resumed.step(batch) == trainer.step(batch)
    assert resumed.network.low_precision is trainer.network.low_precision is began


def test_processes_agree_on_a_precision(monkeypatch):
    """One that is slower at bfloat16 is enough for none to use it."""
    asked = []
    monkeypatch.setattr("nelloc.training.loop.bfloat16_is_faster", lambda device: True)
    monkeypatch.setattr(Processes, "any", lambda self, flag: asked.append(flag) or True)
    assert Trainer(small_config(), processes=Processes(count=2)).config.bfloat16 is False
    assert asked == [False]


def test_bad_data_and_divergence_are_named(tmp_path):
    with pytest.raises(NellocError, match="no training images"):
        image_paths(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"not an image")
    with pytest.raises(NellocError, match=r"broken\.png"):
        load_images(image_paths(tmp_path))
    with pytest.raises(NellocError, match="no checkpoint"):
        Trainer.resume(tmp_path)
    trainer = Trainer(small_config())
    with torch.no_grad():
        trainer.network.linear[0].weight.fill_(float("nan"))
    with pytest.raises(NellocError, match="diverged"):
        trainer.step(BatchMaker(LocalConfig())(*sampler().draw(1000)))


def test_images_are_read_as_rgb(tmp_path):
    Image.fromarray(smooth_image()[:, :, 0]).save(tmp_path / "gray.png")
    (image,) = load_images(image_paths(tmp_path))
    assert image.shape == (64, 64, 3)


def test_without_matplotlib_no_curve_is_drawn_and_nothing_fails(tmp_path, monkeypatch):
    history = [{"megapixels": 1.0, "training_bpd": 3.0, "held_bpd": 3.1}]
    assert draw_curve(history, tmp_path / "curve.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not draw_curve(history, tmp_path / "none.png")
    assert [path.name for path in tmp_path.iterdir()] == ["curve.png"]


def test_gradients_are_averaged_over_processes():
    """One process alone leaves them as they are; tests/cli/test_train.py has two."""
    tensors = [torch.ones(2, 3), torch.zeros(4)]
    assert Processes().average(tensors, 2.5) == 2.5
    assert torch.equal(tensors[0], torch.ones(2, 3))
    with pytest.raises(NellocError, match="cannot be shared by 3 processes"):
        Trainer(small_config(), processes=Processes(count=3))


def test_a_rate_far_above_the_best_before_is_divergence():
    trainer = Trainer(small_config())
    trainer.record({"megapixels": 1.0, "held_bpd": 3.0})
    trainer.record({"megapixels": 2.0, "held_bpd": 3.5})
    for worse in (4.1, float("nan"), float("inf")):
        with pytest.raises(NellocError, match="diverged"):
            trainer.record({"megapixels": 3.0, "held_bpd": worse})
    assert len(trainer.history) == 2


def test_a_curve_is_drawn_in_a_small_part_of_the_time_and_at_the_end(tmp_path, monkeypatch):
    drawn, now = [], [0.0]

    def draw(history, path):
        drawn.append(len(history))
        now[0] += 1
        return True

    monkeypatch.setattr(run, "draw_curve", draw)
    monkeypatch.setattr(run.time, "monotonic", lambda: now[0])
    trainer = SimpleNamespace(history=[])
    drawing = run._Drawing(Listener(), trainer, tmp_path / "curve.png")
    for _ in range(50):
        now[0] += 0.5
        trainer.history.append({})
        drawing.report({})
    for _ in range(2):
        drawing.draw()
    assert drawn == [1, 41, 50]


def test_the_reason_why_training_failed_is_told_though_its_curve_cannot_be_drawn(tmp_path, monkeypatch):
    def diverge(trainer, *_, listener, **__):
        trainer.history.append({})
        listener._pending = True
        raise NellocError("training diverged")

    def full(*_):
        raise NellocError("curve.png: cannot be written")

    monkeypatch.setattr(run, "train", diverge)
    monkeypatch.setattr(run, "draw_curve", full)
    trainer = SimpleNamespace(history=[], processes=SimpleNamespace(writes=True))
    with pytest.raises(NellocError, match="diverged"):
        run.finish(trainer, None, {}, tmp_path, every=1, workers=0)
