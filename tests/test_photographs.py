"""Real images come back pixel-identical, whole sets of them (slow: run with -m slow)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from nelloc.codec.options import EncodeOptions

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "count"), [("kodak", 24), ("thesis-imagenet10", 10), ("thesis-1024", 3), ("cifar10", 1000)]
)
def test_every_image_of_the_set_comes_back(data, name, count):
    import images
    import rate

    arrays = images.load(data, name)
    assert len(arrays) == count
    rows = rate.measure(name, arrays, EncodeOptions())  # raises if one comes back changed
    assert len(rows) == count
