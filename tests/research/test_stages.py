"""An interrupted experiment goes on from what it has finished, with the same numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from nelloc.research import stages  # noqa: E402
from nelloc.research.experiment import Settings  # noqa: E402
from nelloc.research.stages import stage  # noqa: E402


class Maker:
    """Makes random tensors, and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"weights": torch.randn(3), "count": torch.tensor(2)}


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(seed=3, stages=tmp_path / "stages")


def test_a_stage_is_made_once_and_leaves_other_random_numbers_alone(settings):
    make = Maker()
    following = []
    found = []
    for _ in range(2):
        torch.manual_seed(9)
        found.append(stage(settings, "network", make))
        following.append(torch.rand(()))
    assert make.calls == 1
    torch.testing.assert_close(found[0], found[1])
    assert following[0] == following[1]
    assert [path.name for path in settings.stages.iterdir()] == ["network.safetensors"]


@pytest.mark.parametrize("change", [{"seed": 4}, {"epochs": 2}, {"length": "quick"}])
def test_a_stage_of_other_settings_is_not_taken(settings, change):
    first = stage(settings, "network", Maker())
    make = Maker()
    second = stage(replace(settings, **change), "network", make)
    assert make.calls == 1
    assert not torch.equal(first["weights"], second["weights"])


def test_a_stage_of_other_details_is_not_taken(settings):
    make = Maker()
    for width in (1, 1, 2):
        stage(settings, "network", make, width=width)
    assert make.calls == 2


def test_another_version_makes_a_stage_anew_with_the_same_numbers(settings, monkeypatch):
    first = stage(settings, "network", Maker(), width=1)
    monkeypatch.setattr(stages, "__version__", "1.0.0.post1")
    make = Maker()
    torch.testing.assert_close(stage(settings, "network", make, width=1), first, rtol=0, atol=0)
    assert make.calls == 1


def test_a_damaged_stage_is_made_anew(settings):
    first = stage(settings, "network", Maker())
    path = settings.stages / "network.safetensors"
    for damage in (path.read_bytes()[:-1], b"", b"x" * 100):
        path.write_bytes(damage)
        make = Maker()
        torch.testing.assert_close(stage(settings, "network", make), first)
        assert make.calls == 1


def test_a_stage_that_stops_leaves_nothing(settings):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(settings, "network", stop)
    assert not settings.stages.exists()


def test_without_a_folder_nothing_is_stage():
    make = Maker()
    first, second = (stage(Settings(), "network", make) for _ in range(2))
    assert make.calls == 2
    torch.testing.assert_close(first, second)
