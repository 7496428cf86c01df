"""The pixels adapted to are those that the codec codes, with the contexts that it sees."""

import numpy as np

from nelloc.codec.tiling import tiles
from nelloc.exact.context import FIRST_PIXEL, context_sources
from nelloc.training.adapt.pixels import TilePool, TileSampler


def images():
    random = np.random.default_rng(0)
    shapes = ((3, 21, 33), (1, 17, 5), (3, 1, 1), (3, 40, 1))
    return [random.integers(0, 256, shape).astype(np.uint8) for shape in shapes]


def test_contexts_are_those_of_the_encoder_in_every_tile():
    for horizon in (1, 3):
        pool = TilePool.of(images(), 16)
        views = [image[:, t.rows, t.columns] for image in images() for t in tiles(*image.shape[1:], 16)]
        assert pool.total == len(pool) == sum(view[0].size for view in views)
        sampler = TileSampler(pool, horizon, 0)
        for view, start in zip(views, pool.starts, strict=True):
            order, sources = context_sources(*view.shape[1:], horizon)
            drawn = sampler.at(start + order)
            known = np.broadcast_to(view.reshape(len(view), -1), (3, view[0].size))
            seen = np.concatenate([known, np.full((3, 1), FIRST_PIXEL)], axis=1)
            np.testing.assert_array_equal(drawn.context, seen[:, sources].transpose(1, 0, 2))
            np.testing.assert_array_equal(drawn.value, known[:, order])
            rows, columns = np.divmod(order, view.shape[2])
            np.testing.assert_array_equal(drawn.borders, [rows, columns, view.shape[2] - 1 - columns])
            assert (drawn.gray == (len(view) == 1)).all()


def test_every_pixel_is_drawn_once_before_any_comes_again():
    pool = TilePool.of(images(), 16)
    sampler = TileSampler(pool, 2, 5)
    for _ in range(2):
        drawn = [sampler.draw(n).value for n in (1, 100, len(pool) - 101)]
        values = np.concatenate(drawn, axis=1).T
        assert sorted(map(tuple, values)) == sorted(map(tuple, pool.pixels))


def test_of_too_many_pixels_whole_tiles_are_kept():
    pool = TilePool.of(images(), 16, most=300)
    everything = TilePool.of(images(), 16)
    assert len(pool) <= 300
    assert pool.total == len(everything)
    kept = set(map(tuple, pool.pixels))
    assert kept <= set(map(tuple, everything.pixels))
    assert len(TilePool.of(images(), 16, most=1).starts) == 1
