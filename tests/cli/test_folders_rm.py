"""Promises of `--rm`: inputs are deleted only once an output has all of them; and of files of lossy formats."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import invoke
from trees import MODEL, OUTPUTS, TREE, compressed, files_in, pixels, rows

import nelloc

pytestmark = pytest.mark.usefixtures("photo_tree")


def test_rm_deletes_inputs_and_a_second_run_has_nothing_to_do():
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "--rm", *MODEL)
    assert result.exit_code == 0
    assert "4 inputs removed" in result.stderr
    assert files_in("photos") == []
    assert files_in("out") == OUTPUTS
    assert invoke("compress", "-r", "photos", "--output-dir", "out", "--rm", *MODEL).exit_code == 0
    result = invoke("decompress", "-r", "out", "--output-dir", "back", "--rm", "--json", *MODEL)
    assert [(row["status"], row["removed"]) for row in rows(result)] == [("done", True)] * 4
    assert files_in("out") == []
    np.testing.assert_array_equal(np.asarray(Image.open("back/sub/b.png")), pixels(TREE[1]))


def test_rm_deletes_the_input_of_one_file():
    assert invoke("compress", "photos/a.png", "a.nlc", "--rm", *MODEL).exit_code == 0
    assert not Path("photos/a.png").exists()
    assert invoke("decompress", "a.nlc", "--rm", *MODEL).exit_code == 0
    assert not Path("a.nlc").exists()
    np.testing.assert_array_equal(np.asarray(Image.open("a.png")), pixels(TREE[0]))


def test_rm_deletes_inputs_that_an_earlier_run_did_but_kept():
    compressed()
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "--rm", "--json", *MODEL)
    assert [(row["status"], row["removed"]) for row in rows(result)] == [("skipped", True)] * 4
    assert files_in("photos") == []


def test_rm_keeps_an_input_whose_output_is_of_another_image():
    compressed()
    times = Path("photos/a.png").stat()
    Image.fromarray(pixels("other")).save("photos/a.png")
    os.utime("photos/a.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "--rm", *MODEL)
    assert result.exit_code == 1
    assert "differ" in result.stderr
    assert files_in("photos") == ["a.png"]
    assert invoke("decompress", "out/a.nlc", "a.png", *MODEL).exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("a.png")), pixels(TREE[0]))


def test_rm_leaves_symbolic_links_alone():
    Path("photos/link.png").symlink_to("sub/deep/c.png")
    result = invoke("compress", "photos/link.png", "--output-dir", "out", "--rm", "--json", *MODEL)
    assert [(row["status"], row["removed"]) for row in rows(result)] == [("skipped", False)]
    assert Path("photos/link.png").exists()
    assert invoke("compress", "photos/link.png", "--output-dir", "out", *MODEL).exit_code == 0
    assert Path("out/link.nlc").read_bytes() == nelloc.encode(pixels(TREE[2]), model="model.nlm")


def test_rm_of_one_link_compresses_it_and_keeps_link_and_file():
    Path("link.png").symlink_to("photos/a.png")
    result = invoke("compress", "--rm", "link.png", "new.nlc", *MODEL)
    assert result.exit_code == 0
    assert "nelloc: link.png: not removed: it is a symbolic link" in result.stderr
    assert (Path("link.png").is_symlink(), Path("photos/a.png").exists()) == (True, True)
    assert Path("new.nlc").read_bytes() == nelloc.encode(pixels(TREE[0]), model="model.nlm")


@pytest.fixture
def lossy(photo_tree) -> None:
    """A folder of a JPEG and a lossy WebP file, which are smaller than what is made of their pixels.

    The JPEG holds R, G and B, of which nelloc does not find that they were a JPEG.
    """
    Path("lossy").mkdir()
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)).resize((90, 90))
    smooth.save("lossy/a.jpg", quality=20, keep_rgb=True)
    smooth.save("lossy/b.webp", quality=5)


@pytest.mark.usefixtures("lossy")
def test_outputs_that_are_larger_than_lossy_files_are_said():
    for name, form in (("lossy/a.jpg", "JPEG"), ("lossy/b.webp", "lossy WebP")):
        result = invoke("compress", name, "--pixels", *MODEL)
        target = Path(name).with_suffix(".nlc")
        assert (result.exit_code, result.stderr.count("\n")) == (0, 2)
        assert f"nelloc: {name}: {target} is larger than the {form} file; nelloc keeps the pixels" in result.stderr
    piped = invoke("compress", "-", "-", "--pixels", *MODEL, data=Path("lossy/a.jpg").read_bytes())
    assert "standard input: - is larger than the JPEG file" in piped.stderr
    result = invoke("compress", "lossy", "--output-dir", "out", "--pixels", *MODEL)
    assert result.stderr.count("larger than") == 1
    assert "nelloc: 2 outputs are larger than their JPEG or WebP files" in result.stderr
    Path("lossy/a.jpg").unlink()
    result = invoke("compress", "lossy", "--output-dir", "one", "--pixels", *MODEL)
    assert "nelloc: 1 output is larger than its JPEG or WebP file; " in result.stderr
    assert "larger" not in invoke("compress", "photos/sub/deep/d.webp", *MODEL).stderr


@pytest.mark.usefixtures("lossy")
@pytest.mark.parametrize("earlier", [False, True])
def test_rm_keeps_lossy_files_that_are_smaller_unless_forced(earlier):
    arguments = ["compress", "lossy", "--output-dir", "out", "--pixels", *MODEL]
    if earlier:
        assert invoke(*arguments).exit_code == 0
    result = invoke(*arguments, "--rm", "--json")
    assert (result.exit_code, [row["removed"] for row in rows(result)]) == (0, [False, False])
    assert "nelloc: lossy/a.jpg: not removed: its output is larger than the JPEG file; --force" in result.stderr
    assert files_in("lossy") == ["a.jpg", "b.webp"]
    assert invoke(*arguments, "--rm", "--force").exit_code == 0
    assert files_in("lossy") == []
