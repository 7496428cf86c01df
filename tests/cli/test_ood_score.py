"""`nelloc ood-score`."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import invoke, run, run_without_torch

torch = pytest.importorskip("torch", reason="ood-score needs torch")

from nelloc.ood.images import read  # noqa: E402
from nelloc.ood.metrics import auroc, calibrate, false_positive_rate  # noqa: E402
from nelloc.ood.pair import Pair, find, write  # noqa: E402
from nelloc.ood.scores import score  # noqa: E402
from nelloc.training.networks.full import FullConfig, FullNetwork  # noqa: E402

MODEL = ["--model", "pair.safetensors"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder of each test: a pair for 6x5 gray images, and two folders of such images."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    shape = {"horizon": 1, "width": 8, "components": 2, "channels": 1}
    networks = [FullNetwork(FullConfig(blocks=1, kernel=kernel, **shape)) for kernel in (1, 3)]
    with torch.no_grad():
        for network in networks:
            network.last.weight.mul_(10)
    write(Path("pair.safetensors"), Pair(*networks, 5, 6))
    random = np.random.default_rng(0)
    for name, count, top in (("dark", 8, 60), ("bright", 5, 256)):
        Path(name).mkdir()
        for number in range(count):
            Image.fromarray(random.integers(0, top, (5, 6), np.uint8)).save(f"{name}/{number}.png")
    return tmp_path


def scores(folder):
    images = [read(path, 5, 6, 1) for path in sorted(Path(folder).iterdir())]
    return score(find("pair.safetensors"), np.stack(images))


def assert_failed(result, *words, lines=1):
    """Lines on standard error that have ``words``, no traceback, and exit status 1."""
    assert result.exit_code == 1
    assert result.stderr.count("\n") == lines
    for word in words:
        assert word in result.stderr


def test_a_row_per_image():
    result = invoke("ood-score", *MODEL, "dark", "bright/3.png")
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["image", "local_bpd", "full_bpd", "nonlocal"]
    assert [row.split()[0] for row in rows] == [*(f"dark/{k}.png" for k in range(8)), "bright/3.png"]
    dark = scores("dark")
    first = [float(cell) for cell in rows[0].split()[1:]]
    assert first == pytest.approx([dark.local[0], dark.full[0], dark.nonlocal_[0]], abs=1e-4)


def test_json_and_csv():
    found = json.loads(invoke("ood-score", *MODEL, "dark", "--json").stdout)
    dark = scores("dark")
    assert found["threshold"] is None
    assert [row["nonlocal"] for row in found["images"]] == pytest.approx(dark.nonlocal_.tolist(), abs=1e-5)
    assert [row["complexity_png"] for row in found["images"]] == pytest.approx(dark.complexity_png.tolist(), abs=1e-5)
    rows = list(csv.DictReader(io.StringIO(invoke("ood-score", *MODEL, "dark", "--csv").stdout)))
    assert [float(row["full_bpd"]) for row in rows] == pytest.approx(dark.full.tolist(), abs=1e-5)
    assert [float(row["complexity_generic"]) for row in rows] == [row["complexity_generic"] for row in found["images"]]


def test_a_threshold_gives_verdicts_and_an_exit_status():
    values = np.sort(scores("dark").nonlocal_)
    low = invoke("ood-score", *MODEL, "dark", "--threshold", str(values[0] - 0.01), "--json")
    assert low.exit_code == 0
    assert all(row["in_distribution"] for row in json.loads(low.stdout)["images"])
    middle = invoke("ood-score", *MODEL, "dark", "--threshold", str((values[2] + values[3]) / 2))
    assert middle.exit_code == 3
    assert [row.split()[-1] for row in middle.stdout.splitlines()].count("OUT") == 3
    assert middle.stdout.splitlines()[0].split()[-1] == "verdict"


def test_calibration_sets_the_threshold():
    dark = scores("dark").nonlocal_
    for options, rate in (([], 0.05), (["--fpr", "0.25"], 0.25)):
        result = invoke("ood-score", *MODEL, "dark", "--calibrate", "dark", *options, "--json")
        found = json.loads(result.stdout)
        assert found["threshold"] == pytest.approx(calibrate(dark, rate))
        rejected = [row for row in found["images"] if not row["in_distribution"]]
        assert len(rejected) == int(rate * 8)
        assert result.exit_code == (3 if rejected else 0)
        assert "threshold" in result.stderr
    assert invoke("ood-score", *MODEL, "dark", "--calibrate", "dark", "--quiet").stderr == ""


def test_two_folders_are_told_apart():
    found = json.loads(invoke("ood-score", *MODEL, "--id", "dark", "--ood", "bright", "--json").stdout)
    assert found["images"] == {"id": 8, "ood": 5}
    inside, outside = scores("dark").all(), scores("bright").all()
    assert [row["score"] for row in found["scores"]] == list(inside)
    for row in found["scores"]:
        name = row["score"]
        assert row["auroc"] == pytest.approx(auroc(inside[name], outside[name]), abs=0.03)  # rounding may make ties
        assert row["fpr_at_95_tpr"] == pytest.approx(false_positive_rate(inside[name], outside[name]), abs=0.21)
    table = invoke("ood-score", *MODEL, "--id", "dark", "--ood", "bright").stdout.splitlines()
    assert table[0].split() == ["score", "auroc", "fpr_at_95_tpr"]
    rows = invoke("ood-score", *MODEL, "--id", "dark", "--ood", "bright", "--csv").stdout.splitlines()
    assert rows[0] == "score,auroc,fpr_at_95_tpr"
    assert len(table) == len(rows) == 6


def test_plots_are_drawn():
    assert invoke("ood-score", *MODEL, "dark", "--threshold", "-9", "--plot", "a.png").exit_code == 0
    assert invoke("ood-score", *MODEL, "--id", "dark", "--ood", "bright", "--plot", "b.png").exit_code == 0
    for name in ("a.png", "b.png"):
        assert Image.open(name).format == "PNG"
    assert_failed(invoke("ood-score", *MODEL, "dark", "--plot", "a.png"), "a.png", "--force")
    assert invoke("ood-score", *MODEL, "dark", "--plot", "a.png", "--force").exit_code == 0
    assert_failed(invoke("ood-score", *MODEL, "dark", "--plot", "absent/a.png"), "absent/a.png")


def test_plots_have_the_extension_of_what_they_are():
    assert_failed(invoke("ood-score", *MODEL, "dark", "--plot", "a.jpg"), "a.jpg: ", ".png")
    assert not Path("a.jpg").exists()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_threshold_is_a_number(value):
    for options in (["--threshold", value], ["--calibrate", "dark", "--fpr", value]):
        assert invoke("ood-score", *MODEL, "dark", *options).exit_code == 2


def test_an_empty_folder_to_calibrate_with_is_named_once():
    Path("empty").mkdir()
    assert_failed(invoke("ood-score", *MODEL, "dark", "--calibrate", "empty"), "empty: no images there", lines=1)


def test_other_sizes_and_modes_are_refused_unless_resized():
    Image.fromarray(np.zeros((10, 12, 3), np.uint8)).save("large.png")
    Image.new("L", (6, 6)).save("square.png")
    result = invoke("ood-score", *MODEL, "large.png", "dark/0.png", "square.png")
    assert_failed(result, "large.png: is 12x10 RGB, where 6x5 gray is needed; --resize", "square.png: is 6x6", lines=2)
    assert [row.split()[0] for row in result.stdout.splitlines()] == ["image", "dark/0.png"]
    resized = invoke("ood-score", *MODEL, "large.png", "dark/0.png", "--resize", "--json")
    assert (resized.exit_code, resized.stderr) == (0, "")
    assert len(json.loads(resized.stdout)["images"]) == 2


def test_alpha_and_one_bit_are_converted_but_not_deep_samples():
    Image.fromarray(np.zeros((5, 6, 4), np.uint8)).save("alpha.png")
    Image.new("1", (6, 5)).save("bits.png")
    Image.fromarray(np.full((5, 6), 999, np.uint16)).save("deep.png")
    result = invoke("ood-score", *MODEL, "alpha.png", "bits.png", "deep.png")
    assert_failed(
        result, "alpha.png: is 6x5 RGBA, where 6x5 gray", "bits.png: is 6x5", "deep.png: has more than", lines=3
    )
    result = invoke("ood-score", *MODEL, "alpha.png", "bits.png", "deep.png", "--resize", "--csv")
    assert_failed(result, "deep.png: has more than 8 bits")
    assert [row.split(",")[0] for row in result.stdout.splitlines()] == ["image", "alpha.png", "bits.png"]


def test_16_bit_colour_is_not_cut_to_8():
    Path("deep.ppm").write_bytes(b"P6 1 1 65535\n\1\2\3\4\5\6")
    assert_failed(invoke("ood-score", *MODEL, "deep.ppm", "--resize"), "deep.ppm: has more than 8 bits", lines=1)
    assert_failed(invoke("ood-score", *MODEL, "deep.ppm"), "deep.ppm: has more than 8 bits", lines=1)  # nor advised


def test_pillows_warnings_are_not_shown():
    image = Image.new("P", (9, 9), 1)
    image.putpalette(bytes(range(6)))
    image.save("palette.png", transparency=b"\0\x80")
    result = run("ood-score", *MODEL, "palette.png", "--resize")
    assert (result.returncode, result.stderr) == (0, b"")


def test_failures_are_named_and_the_rest_is_scored():
    Path("empty").mkdir()
    Path("broken.png").write_bytes(b"no image")
    assert_failed(invoke("ood-score", *MODEL, "empty"), "empty: no images there")
    assert_failed(invoke("ood-score", *MODEL, "absent.png"), "absent.png")
    result = invoke("ood-score", *MODEL, "broken.png", "dark", "--threshold", "99")
    assert_failed(result, "broken.png")  # a failure weighs more than a verdict
    assert len(result.stdout.splitlines()) == 9
    assert_failed(invoke("ood-score", "--model", "absent", "dark"), "absent: no pair of models")
    Path("dark/broken.png").write_bytes(b"no image")
    assert_failed(invoke("ood-score", *MODEL, "bright", "--calibrate", "dark"), "dark: not all", lines=2)
    assert_failed(invoke("ood-score", *MODEL, "--id", "dark", "--ood", "bright"), "dark/broken.png")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--id", "dark"],
        ["--ood", "dark"],
        ["dark", "--id", "dark", "--ood", "bright"],
        ["--id", "dark", "--ood", "bright", "--threshold", "1"],
        ["dark", "--threshold", "1", "--calibrate", "dark"],
        ["dark", "--fpr", "0.1"],
        ["dark", "--calibrate", "dark", "--fpr", "1"],
        ["dark", "--json", "--csv"],
        ["dark", "--threads", "0"],
    ],
)
def test_wrong_usage(arguments):
    assert invoke("ood-score", *MODEL, *arguments).exit_code == 2


def test_threads_change_no_verdict():
    one = invoke("ood-score", *MODEL, "dark", "--threads", "1").stdout
    assert one == invoke("ood-score", *MODEL, "dark").stdout


def test_without_torch_one_line_says_what_to_install():
    done = run_without_torch("ood-score", "dark")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "PATH[train]" in done.stderr
