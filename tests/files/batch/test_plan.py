"""Promises of planning a run: what is taken, where it goes, and how it is dealt out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nelloc.errors import NellocError
from nelloc.files.batch.outcome import Failed, Skipped
from nelloc.files.batch.plan import (
    BATCH_BYTES,
    BATCH_FILES,
    COMPRESS,
    SMALL_BYTES,
    Job,
    JobList,
    batches,
    decompress_to,
    make_plan,
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(name.encode())


def targets(plan: JobList) -> dict[str, str]:
    return {str(job.source): str(job.target) for job in plan.jobs}


def test_files_come_first_by_name_then_the_folders_below():
    touch("in/b.png", "in/a/z.png", "in/a/b/c.PNG", "in/a.jpeg", "in/c/a.tif")
    plan = make_plan(["in"], "out", COMPRESS, recursive=True)
    assert targets(plan) == {
        "in/a.jpeg": "out/a.nlc",
        "in/b.png": "out/b.nlc",
        "in/a/z.png": "out/a/z.nlc",
        "in/a/b/c.PNG": "out/a/b/c.nlc",
        "in/c/a.tif": "out/c/a.nlc",
    }
    assert [job.bytes for job in plan.jobs][:2] == [len("in/a.jpeg"), len("in/b.png")]
    assert list(targets(plan)) == ["in/a.jpeg", "in/b.png", "in/a/z.png", "in/a/b/c.PNG", "in/c/a.tif"]


@pytest.mark.parametrize("root", [".", "in", "in/", "../FOLDER/in", "ABSOLUTE"])
def test_however_a_folder_is_named_its_tree_is_mirrored(root, folder):
    touch("in/sub/a.png")
    root = root.replace("FOLDER", folder.name).replace("ABSOLUTE", str(folder / "in"))
    (job,) = make_plan([root], "out", COMPRESS, recursive=True).jobs
    assert job.target == Path("out/in/sub/a.nlc" if root == "." else "out/sub/a.nlc")
    (job,) = make_plan([root], None, COMPRESS, recursive=True).jobs
    assert job.target == job.source.with_suffix(".nlc")


def test_decompressing_takes_nlc_files_only():
    touch("in/a.nlc", "in/b.png", "in/c.nlm", "in/d.txt")
    plan = make_plan(["in"], None, decompress_to(".tif"), recursive=True)
    assert targets(plan) == {"in/a.nlc": "in/a.tif"}
    assert plan.others == 3
    assert make_plan(["in"], None, COMPRESS, recursive=True).others == 2


def test_links_to_files_are_followed_and_links_to_folders_are_not():
    touch("in/sub/a.png", "elsewhere/b.png")
    os.symlink("../elsewhere/b.png", "in/file.png")
    os.symlink("../elsewhere", "in/folder")
    os.symlink("..", "in/sub/up")
    os.symlink("absent", "in/broken.png")
    os.symlink("loop.png", "in/loop.png")
    plan = make_plan(["in"], "out", COMPRESS, recursive=True)
    assert targets(plan) == {"in/file.png": "out/file.nlc", "in/sub/a.png": "out/sub/a.nlc"}
    assert {type(outcome) for outcome in plan.outcomes} == {Failed, Skipped}
    skipped = {outcome.source for outcome in plan.outcomes if isinstance(outcome, Skipped)}
    failed = {outcome.source for outcome in plan.outcomes if isinstance(outcome, Failed)}
    assert (skipped, failed) == ({"in/folder", "in/sub/up"}, {"in/broken.png", "in/loop.png"})
    assert plan.count == 6


def test_a_folder_that_is_named_is_taken_though_it_be_a_link():
    touch("real/a.png")
    os.symlink("real", "link")
    assert targets(make_plan(["link"], "out", COMPRESS, recursive=True)) == {"link/a.png": "out/a.nlc"}


def test_what_is_no_regular_file_is_skipped():
    os.makedirs("in/folder.png")
    os.mkfifo("in/pipe.png")
    plan = make_plan(["in"], "out", COMPRESS, recursive=True)
    assert [(type(outcome), outcome.source) for outcome in plan.outcomes] == [(Skipped, "in/pipe.png")]


def test_a_folder_that_cannot_be_read_fails_and_the_others_are_taken(monkeypatch):
    touch("in/a/a.png", "in/b/b.png")
    real = os.scandir

    def scandir(path):
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    plan = make_plan(["in"], "out", COMPRESS, recursive=True)
    assert targets(plan) == {"in/b/b.png": "out/b/b.nlc"}
    (failed,) = plan.outcomes
    assert (failed.source, str(failed.error)) == (
        "in/a",
        "in/a: cannot be read (Permission denied); check its name and permissions",
    )


def test_three_inputs_of_one_output_all_fail():
    touch("in/a.png", "in/a.jpg", "in/a.webp", "in/b.png")
    plan = make_plan(["in"], None, COMPRESS)
    assert targets(plan) == {"in/b.png": "in/b.nlc"}
    assert [outcome.source for outcome in plan.outcomes] == ["in/a.jpg", "in/a.png", "in/a.webp"]
    assert all("rename one of them" in str(outcome.error) for outcome in plan.outcomes)


@pytest.mark.parametrize("output", [None, "out"])
def test_inputs_of_one_output_fail_however_it_is_spelled(output, folder):
    touch("in/a.png", "in/a.jpg", "in/a.webp")
    os.symlink("in", "link")
    named = ["in/a.png", folder / "in/a.jpg", "link/a.webp", "in/../in/a.png"]
    plan = make_plan(named, output, COMPRESS, recursive=True)
    assert plan.jobs == ()
    assert [outcome.source for outcome in plan.outcomes] == [str(name) for name in named[:3]]
    assert all("rename one of them" in str(outcome.error) for outcome in plan.outcomes)


def test_output_folders_of_two_spellings_are_one_folder(folder):
    touch("in/a.png")
    os.symlink("in", "link")
    assert targets(make_plan(["in", "link", folder / "in"], None, COMPRESS)) == {"in/a.png": "in/a.nlc"}


def test_a_folder_without_images_is_an_error_unless_trees_are_searched():
    os.makedirs("in/below")
    with pytest.raises(NellocError, match="in: no images there"):
        make_plan(["in"], "out", COMPRESS)
    (skipped,) = make_plan(["in"], "out", COMPRESS, recursive=True).outcomes
    assert (skipped.source, skipped.reason) == ("in", "no images there")


def test_an_empty_name_is_not_the_current_folder():
    touch("a.png")
    with pytest.raises(NellocError, match="empty"):
        make_plan([""], "out", COMPRESS, recursive=True)


def test_a_deep_tree_is_no_problem():
    folder = Path("in", *["d"] * 1200)
    made = Path("in")
    here = os.getcwd()
    try:
        for part in folder.parts:
            os.mkdir(part)
            os.chdir(part)
        Path("a.png").touch()
        os.chdir(here)
        plan = make_plan([made], "out", COMPRESS, recursive=True)
        assert len(plan.jobs[0].target.parts) == 1202
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-r", "in"], check=True)  # too deep for shutil, which pytest cleans up with


sizes = st.lists(st.integers(0, 2 * SMALL_BYTES) | st.just(SMALL_BYTES) | st.just(10), max_size=600)


@given(sizes, st.integers(1, 8))
def test_batches_hold_every_job_once_and_large_files_alone(sizes, processes):
    jobs = [Job(Path(f"{n}.png"), Path(f"{n}.nlc"), size) for n, size in enumerate(sizes)]
    parts = list(batches(jobs, processes))
    assert [job for part in parts for job in part] == jobs
    for part in parts:
        assert len(part) == 1 or all(job.bytes <= SMALL_BYTES for job in part)
        assert len(part) <= BATCH_FILES
        assert sum(job.bytes for job in part) <= BATCH_BYTES
    if processes > 1 and jobs and max(sizes) <= SMALL_BYTES:
        assert len(parts) >= min(len(jobs), 2 * processes)
