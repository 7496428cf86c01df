"""Promises of a run when files go wrong: no input is lost, and each file has its outcome."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from small_runs import NAMES, by_stem, compress, image, inputs, kinds, outputs

from nelloc import storage
from nelloc.codec import encode as codec
from nelloc.errors import NellocError
from nelloc.files import convert as files
from nelloc.files.batch.outcome import Converted, Failed, Removal, Skipped, Summary
from nelloc.files.batch.run import decompress_folder

pytestmark = pytest.mark.usefixtures("folder")


def test_small_images_are_coded_together(monkeypatch):
    seen = []
    real = codec.encode_pixels

    def encode_pixels(pixels, *arguments, **options):
        seen.append(len(pixels))
        return real(pixels, *arguments, **options)

    monkeypatch.setattr(codec, "encode_pixels", encode_pixels)
    assert kinds(compress()) == dict.fromkeys(NAMES, Converted)
    assert seen == [3]


def test_of_a_group_that_cannot_be_coded_together_only_the_culprit_fails(monkeypatch):
    real = codec.encode_pixels

    def encode_pixels(pixels, *arguments, **options):
        if any(item.planes[0, 0, 0] == np.asarray(image(1))[0, 0, 0] for item in pixels):
            raise NellocError("in/b.png: cannot be coded")
        return real(pixels, *arguments, **options)

    monkeypatch.setattr(codec, "encode_pixels", encode_pixels)
    assert kinds(compress()) == {"a": Converted, "b": Failed, "c": Converted}
    assert outputs() == ["a.nlc", "c.nlc"]


def test_an_error_that_nobody_foresaw_fails_one_file_and_says_where_it_was(monkeypatch):
    real = files.open_image

    def open_image(data, source, options):
        if "b.png" in source:
            raise ZeroDivisionError("a mistake")
        return real(data, source, options)

    monkeypatch.setattr(files, "open_image", open_image)
    outcomes = compress()
    assert kinds(outcomes) == {"a": Converted, "b": Failed, "c": Converted}
    message = "in/b.png: internal error (ZeroDivisionError: a mistake); please report it with this file"
    assert str(outcomes["b"].error) == message
    assert "Traceback" in outcomes["b"].error.__notes__[0]


def test_outputs_of_small_images_are_written_at_once_and_each_fails_alone(monkeypatch):
    real, all_of_them = storage.write, threading.Barrier(len(NAMES), timeout=60)

    def write(target, *arguments, **keywords):
        all_of_them.wait()
        if target.stem == "b":
            raise NellocError(f"{target}: cannot be written")
        real(target, *arguments, **keywords)

    monkeypatch.setattr(storage, "write", write)
    outcomes = compress(remove=True)
    assert kinds(outcomes) == {"a": Converted, "b": Failed, "c": Converted}
    assert str(outcomes["b"].error) == "out/b.nlc: cannot be written"
    assert inputs() == ["b"]


def test_what_another_run_has_done_meanwhile_is_done_already(monkeypatch):
    real = storage.write

    def write(target, *arguments, **keywords):
        real(target, *arguments, **keywords)
        if target.stem == "b":  # of another input that the other run found there
            os.utime(target, ns=(0, 0))
        real(target, *arguments, **keywords)

    monkeypatch.setattr(storage, "write", write)
    outcomes = compress(remove=True)
    assert kinds(outcomes) == {"a": Skipped, "b": Failed, "c": Skipped}
    assert outcomes["a"].reason == "done already"
    assert str(outcomes["b"].error).startswith("out/b.nlc: exists, but was not made from in/b.png")
    assert (inputs(), outputs()) == (["b"], ["a.nlc", "b.nlc", "c.nlc"])


def test_a_summary_counts_outcomes():
    summary = Summary()
    (Path("in") / "d.png").write_bytes(b"no image")
    for outcome in [*compress().values(), *compress(remove=True).values()]:
        summary.add(outcome)
    assert (summary.count, summary.done, summary.skipped, summary.failed, summary.removed) == (8, 3, 3, 2, 3)
    assert summary.exit_status == 1
    assert summary.target_bytes == sum(path.stat().st_size for path in Path("out").iterdir())


def test_an_input_that_vanished_fails_and_the_others_are_done(monkeypatch):
    real = storage.read_input

    def read_input(*arguments):
        Path("in/b.png").unlink(missing_ok=True)
        return real(*arguments)

    monkeypatch.setattr(storage, "read_input", read_input)
    outcomes = compress()
    assert kinds(outcomes) == {"a": Converted, "b": Failed, "c": Converted}
    assert "in/b.png: cannot be read (No such file or directory)" in str(outcomes["b"].error)


def test_an_input_that_is_written_while_it_is_read_fails(monkeypatch):
    real, calls = os.fstat, []

    def fstat(descriptor):
        calls.append(descriptor)
        os.utime("in/a.png", ns=(len(calls), len(calls)))
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(NellocError, match=r"in/a\.png: changed while it was read"):
        storage.read_input(Path("in/a.png"))


def test_an_input_that_changes_before_it_is_to_be_removed_is_kept(monkeypatch):
    real = storage.write

    def write(target, *arguments, **options):
        if target.name == "b.nlc":
            image(9).save("in/b.png")
        real(target, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write", write)
        outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Converted)
    assert outcomes["b"].removal == Removal(kept="it changed meanwhile")
    assert inputs() == ["b"]
    assert kinds(compress(remove=True)) == {"b": Failed}  # its output is of what it was
    assert inputs() == ["b"]


def test_an_input_whose_output_lacks_something_is_not_removed(monkeypatch):
    real = files.encode_images

    def encode_images(*arguments, **options):
        done = real(*arguments, **options)
        return [(files.replace(result, left_out=("colour profile",)), data) for result, data in done]

    monkeypatch.setattr(files, "encode_images", encode_images)
    outcomes = compress(remove=True)
    assert {outcome.removal.kept for outcome in outcomes.values()} == {"its output lacks colour profile"}
    assert inputs() == NAMES


def with_metadata(path: str, title: str, text: bool = True) -> None:
    """A photograph with a title, and the modification time that the file had, if there was one."""
    before = os.stat(path).st_mtime_ns if Path(path).exists() else None
    texts, exif = PngImagePlugin.PngInfo(), Image.Exif()
    if text:
        texts.add_text("Title", title)
    exif[0x010E] = title
    image(0).save(path, pnginfo=texts, exif=exif)
    if before is not None:
        os.utime(path, ns=(before, before))


def test_an_input_whose_metadata_changed_since_is_not_removed():
    with_metadata("in/a.png", "first version")
    compress()
    with_metadata("in/a.png", "edited since")
    outcome = compress(remove=True)["a"]
    assert isinstance(outcome, Failed)
    assert "its metadata and that of the image file differ" in str(outcome.error)
    assert Path("in/a.png").exists()


@pytest.mark.parametrize(("suffix", "text"), [(".png", True), (".tif", False), (".webp", False)])
def test_a_second_run_removes_inputs_whose_metadata_the_output_has(suffix, text):
    with_metadata("in/a.png", "a title", text)
    compress()
    for remove in (False, True):
        outcomes = by_stem(decompress_folder(["out/a.nlc"], "back", suffix=suffix, remove=remove))
    assert isinstance(outcomes["a"], Skipped), outcomes
    assert not Path("out/a.nlc").exists()
    assert Image.open(f"back/a{suffix}").getexif()[0x010E] == "a title"


@pytest.mark.parametrize("edited", [False, True])
def test_a_second_run_keeps_inputs_whose_metadata_the_output_lacks(edited):
    suffix = ".png" if edited else ".tif"  # TIFF has no such texts
    with_metadata("in/a.png", "a title")
    compress()
    by_stem(decompress_folder(["out/a.nlc"], "back", suffix=suffix))
    if edited:
        with_metadata("back/a.png", "another")
    outcomes = by_stem(decompress_folder(["out/a.nlc"], "back", suffix=suffix, remove=True))
    assert isinstance(outcomes["a"], Failed)
    assert ("metadata" if edited else "text would be lost in .tif") in str(outcomes["a"].error)
    assert Path("out/a.nlc").exists()


def test_an_output_that_the_disk_changed_removes_nothing(monkeypatch):
    real = storage.read

    def read(path):
        return real(path)[:-1] if path.suffix == ".nlc" else real(path)

    monkeypatch.setattr(storage, "read", read)
    outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert inputs() == NAMES


def test_an_image_that_the_output_format_cannot_hold_is_not_removed():
    Image.fromarray(np.zeros((4, 4), np.uint8)).save("in/gray.png")
    assert compress(remove=True)["gray"].removal.done
    found = decompress_folder(["out"], "back", recursive=True, suffix=".webp", remove=True, model="model.nlm")
    outcomes = by_stem(found)
    assert kinds(outcomes) == {"gray": Failed, **dict.fromkeys(NAMES, Converted)}
    assert "cannot hold" in str(outcomes["gray"].error)
    assert outputs() == ["gray.nlc"]


@pytest.mark.parametrize("failing", ["fsync of a file", "fsync of a folder"])
def test_nothing_is_removed_before_the_disk_has_it(monkeypatch, failing):
    real = os.fsync

    def fsync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}") == (failing == "fsync of a folder"):
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    os.mkdir("out")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert "out/a.nlc: cannot be written (Input/output error)" in str(outcomes["a"].error)
    assert inputs() == NAMES
    assert all(outcome.removal.done for outcome in compress(remove=True).values())


def test_an_input_that_cannot_be_removed_fails(monkeypatch):
    real = os.unlink

    def unlink(path, *arguments, **options):
        if str(path).endswith(".png"):
            raise PermissionError(errno.EACCES, "Permission denied")
        real(path, *arguments, **options)

    monkeypatch.setattr(os, "unlink", unlink)
    outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert "in/a.png: is now out/a.nlc, but cannot be removed (Permission denied)" in str(outcomes["a"].error)
