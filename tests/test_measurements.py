"""Promises of the programs in benchmarks/ and scripts/: their reports name the commands that make them."""

import argparse
import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import safetensors  # noqa: E402
from PIL import Image  # noqa: E402

from nelloc.exact.model import load_model  # noqa: E402
from nelloc.training import thesis  # noqa: E402

ROOT = Path(__file__).parents[1]


@pytest.fixture
def program(monkeypatch):
    """Imports a program by name."""

    def imported(name: str):
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
        monkeypatch.syspath_prepend(str(ROOT / "scripts"))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return imported


@pytest.mark.parametrize(("name", "options"), [("adapt", []), ("adapt-no-learn", ["--no-learn"])])
def test_the_reports_of_adaptation_are_what_their_commands_write(program, name, options):
    out = f"benchmarks/results/{name}"
    adapt = program("adapt")
    args = adapt.arguments(["--data", "../shared/data", "--out", out, "--threads", "1", *options])
    rows = adapt.kept(ROOT / f"{out}.csv", [], [])
    assert adapt.report(rows, args) == (ROOT / f"{out}.md").read_text()


def test_the_search_for_adaptation_uses_the_program_s_tiles(program, monkeypatch):
    from nelloc.codec.effort import photograph_tile

    search = program("search_adapt")
    tiles = []

    class Tuned:
        model, stored = None, b""

    class Tuning:
        def __init__(self, images, base, tile, plan):
            tiles.append(tile)

        def once(self):
            return Tuned

    monkeypatch.setattr(search, "Tuning", Tuning)
    search.differences(None, None, search.AdaptSettings(1000))
    assert tiles == [photograph_tile(True)]


def test_the_search_for_rate_moves_the_matrices_that_a_local_network_moves(program):
    """Muon has all but those of layers that end in outputs; AdamW those and the biases."""
    search = program("search_rate")
    for variant in search.VARIANTS:
        network = search.VariantNetwork(variant, 72)
        muon, adamw = (
            [p for group in o.param_groups for p in group["params"]] for o in search.optimisers(network, "muon")
        )
        outputs = [network.head.weights, *(last.weights for _, last in network.second)]
        last = {id(weight) for weights in outputs for weight in weights}
        assert all(p.ndim == 2 and id(p) not in last for p in muon), variant.name
        assert all(p.ndim < 2 or id(p) in last or (variant.experts > 1 and p.shape[0] == 8) for p in adamw)
        assert len(muon) + len(adamw) == len(list(network.parameters()))


@pytest.mark.parametrize("name", ["base", "r1", "second-layer", "experts-8", "gated"])
def test_the_networks_of_the_search_train(program, name):
    search = program("search_rate")
    torch.manual_seed(0)
    (variant,) = (v for v in search.VARIANTS if v.name == name)
    pixels, generator = 64, np.random.default_rng(0)
    context = generator.integers(0, 256, (24, 3, pixels), np.uint8)
    batch = search.VariantBatchMaker(variant)(context, context[0], np.full((3, pixels), 9))
    network = search.VariantNetwork(variant, batch.inputs.shape[1])
    optimisers = search.optimisers(network, "muon")
    losses = []
    for _ in range(5):
        network.zero_grad()
        loss = -network.log_likelihood(batch).mean()
        loss.backward()
        losses.append(loss.item())
        for optimiser in optimisers:
            optimiser.step()
    assert losses[-1] < losses[0]


def test_values_that_a_teacher_draws_are_those_of_the_mixture(program):
    from nelloc.training.batches import BatchMaker
    from nelloc.training.networks.local import LocalConfig, LocalNetwork
    from nelloc.training.networks.mixture import draw

    search = program("search_rate")
    teacher = LocalNetwork(LocalConfig(width=8, components=2))
    context = np.random.default_rng(0).integers(0, 256, (24, 3, 50), np.uint8)
    batch = BatchMaker(teacher.config)(context, context[0], np.full((3, 50), 9))
    taught = search.taught(batch, teacher, 1.0, torch.Generator().manual_seed(3))
    with torch.no_grad():
        random = torch.Generator().manual_seed(3)
        expected = draw(teacher(batch.inputs), batch.base, batch.activity, random)
    assert torch.equal(taught.value, expected)
    kept = search.taught(batch, teacher, 0.0, torch.Generator())
    assert torch.equal(kept.value, batch.value)


def test_the_report_of_the_search_is_what_its_command_writes(program):
    search = program("search_rate")
    out = Path("benchmarks/results/search")
    teacher = "weights/checkpoints/high-long.nlm"
    args = argparse.Namespace(data="../shared/data", out=out, megapixels=2.0, teacher=teacher)
    assert search.report(search.read(ROOT / f"{out}.csv", 2.0), args) == (ROOT / f"{out}.md").read_text()
    with pytest.raises(SystemExit, match=r"2\.0 megapixels"):
        search.read(ROOT / f"{out}.csv", 4.0)


def test_networks_that_cannot_be_merged_are_named_in_one_line(program, tmp_path, capsys):
    """Those of different kinds: `default` sees borders, the golden model does not."""
    merge = program("merge_networks")
    first, second, out = str(ROOT / "tests/golden/model.nlm"), str(ROOT / "weights/default.nlm"), tmp_path / "out.nlm"
    with pytest.raises(SystemExit, match="merge_networks: these networks differ in the kind of their inputs"):
        merge.main([first, second, str(out)])
    with pytest.raises(SystemExit, match=r"merge_networks: .*no such model"):
        merge.main([first, "absent.nlm", str(out)])
    assert not out.exists()
    merge.main([second, second, str(out)])
    assert load_model(out.read_bytes()).components == 20


def test_the_networks_of_tables_5_1_to_5_4_are_the_thesis_s():
    """Five and one block for gray, ten and ten for colour, width 256, first kernels of 7 and 9; one for horizons."""
    gray, colour = thesis.PAIRS["fashion"], thesis.PAIRS["cifar10"]
    assert [(gray[part].blocks, gray[part].kernel, 2 * gray[part].horizon + 1) for part in ("full", "local")] == [
        (5, 3, 7),
        (1, 1, 7),
    ]
    assert [(colour[part].blocks, colour[part].kernel, 2 * colour[part].horizon + 1) for part in ("full", "local")] == [
        (10, 3, 9),
        (10, 1, 7),
    ]
    shapes = {images: thesis.networks(images) for images in thesis.PAIRS}
    assert {(shape.width, shape.components, shape.joint, shape.inputs) for s in shapes.values() for _, shape in s} == {
        (256, 10, False, "raw")
    }
    local = {
        images: [(s.blocks, s.horizon) for part, s in found if part == "local"] for images, found in shapes.items()
    }
    assert sorted(local["fashion"]) == [(1, horizon) for horizon in (1, 2, 3, 4, 5)]
    assert sorted(local["cifar10"]) == [(1, 2), (1, 3), (1, 4), (1, 5), (10, 3)]


def test_networks_of_the_thesis_can_be_asked_for(program, tmp_path, monkeypatch):
    """By its recipe; each is trained in a folder, from which the same command goes on."""
    generalise = program("generalise")
    small = thesis.FullConfig(width=8, blocks=1, channels=1, horizon=1, components=2)
    local = replace(small, kernel=1, blocks=2)
    monkeypatch.setitem(thesis.PAIRS, "fashion", {"full": small, "local": local})
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8)
    monkeypatch.setattr(generalise, "load_set", lambda data, name: images)
    monkeypatch.setattr(thesis, "BATCH", 2)
    out, runs = tmp_path / "table", tmp_path / "runs"
    arguments = f"generalise --data x --out {out} --runs {runs} --thesis --passes 2 --seed 1 --horizon 1 --horizon 2"
    monkeypatch.setattr(sys, "argv", arguments.split())
    generalise.main()
    text = out.with_suffix(".md").read_text()
    assert "networks of thesis D.1.3: 2 passes" in text
    for name in ("full, horizon 1", "local, 2 blocks, horizon 1", "local, horizon 1", "local, horizon 2"):
        assert f"| {name} |" in text
    assert "horizon 3" not in text
    checkpoint = json.loads((runs / "fashion-thesis-2-full-blocks1-horizon1-seed1" / "checkpoint.json").read_text())
    config = checkpoint["config"]
    assert (config["batch"], config["learning_rate"], config["matrix_rate"], config["decay"]) == (128, 3e-4, 0, 0)
    assert (config["second_moment"], config["bfloat16"]) == (0.999, False)
    assert checkpoint["seen"] == 2 * images.size
    written = out.with_suffix(".csv").read_text()
    out.with_suffix(".csv").unlink()
    monkeypatch.setattr(generalise.Trainer, "step", None)  # nothing is trained again
    generalise.main()
    assert out.with_suffix(".csv").read_text() == written


def test_the_thesis_s_pair_is_trained_by_its_recipe(program, tmp_path, monkeypatch):
    """Table 5.5; the pair is what `generalise --pair --thesis` measures."""
    train_pair = program("train_pair")
    small = thesis.FullConfig(width=8, blocks=1, channels=1, horizon=1, components=2)
    monkeypatch.setitem(thesis.PAIRS, "fashion", {"full": small, "local": replace(small, kernel=1, blocks=2)})
    monkeypatch.setattr(thesis, "BATCH", 2)
    images = np.random.default_rng(0).integers(0, 256, (6, 1, 28, 28), np.uint8)
    monkeypatch.setattr(train_pair, "load", lambda data, name: (images[:4], images[4:]))
    arguments = f"train_pair --data x --name fashion --out {tmp_path / 'fashion'} --thesis --passes 1 --seed 3"
    monkeypatch.setattr(sys, "argv", arguments.split())
    train_pair.main()
    for part in ("full", "local"):
        checkpoint = json.loads((tmp_path / "fashion" / part / "checkpoint.json").read_text())
        assert (checkpoint["config"]["batch"], checkpoint["config"]["learning_rate"]) == (2 * 784, 3e-4)
        assert (checkpoint["seen"], checkpoint["config"]["seed"]) == (4 * 784, 3)
    generalise = program("generalise")
    monkeypatch.setattr(generalise, "load_set", lambda data, name: images)
    arguments = f"generalise --data x --out {tmp_path / 'table'} --pair {tmp_path / 'fashion'} --thesis"
    monkeypatch.setattr(sys, "argv", [*arguments.split(), "--passes", "1", "--seed", "3"])
    generalise.main()
    rows = (tmp_path / "table.csv").read_text().splitlines()
    assert any(row.startswith('fashion-thesis-1,"local, 2 blocks",1,3,mnist,') for row in rows)
    wrong = "train_pair --data x --name fashion --out x --thesis --local-horizon 2"
    monkeypatch.setattr(sys, "argv", wrong.split())
    with pytest.raises(SystemExit):
        train_pair.main()


def test_the_thesis_s_recipe_is_followed_and_goes_on(program, monkeypatch, tmp_path):
    train_thesis = program("train_thesis")
    sheet = np.random.default_rng(1).integers(0, 256, (train_thesis.HELD_OUT + 8, 32 * 32, 3), np.uint8)
    (tmp_path / "cifar10").mkdir()
    Image.fromarray(sheet).save(tmp_path / "cifar10" / "train_0.png")
    run = tmp_path / "run"

    def call(*options: str) -> dict:
        monkeypatch.setattr(sys, "argv", ["train_thesis.py", "--data", str(tmp_path), "--out", str(run), *options])
        train_thesis.main()
        return json.loads((run / "checkpoint.json").read_text())

    first = call("--model", "thesis-r1", "--width", "8", "--images", "2", "--epochs", "0.5")
    config = first["config"]
    assert config["batch"] == 2 * 32 * 32
    assert first["seen"] == 4 * 32 * 32
    assert [row["learning_rate"] for row in first["history"]] == [3e-4]
    assert call("--resume", "--epochs", "1")["seen"] == 8 * 32 * 32
    with safetensors.safe_open(run / "checkpoint.safetensors", "pt") as file:
        names = [name.removeprefix("network.") for name in file.keys() if name.startswith("network.")]  # noqa: SIM118
        assert all(
            torch.equal(file.get_tensor(f"network.{name}"), file.get_tensor(f"averaged.{name}")) for name in names
        )
    assert len(load_model((run / "model.nlm").read_bytes(), "run").layers) == 6
