"""Promises of compressing and decompressing files: a target is whole or untouched, and nothing else is left."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from converting import OLD, contents, refused

from nelloc import disk, storage
from nelloc.errors import NellocError
from nelloc.files import convert as files

pytestmark = pytest.mark.usefixtures("model_only")


def test_an_existing_target_is_kept_without_force(job, tmp_path):
    job.target.write_bytes(OLD)
    with refused(tmp_path, str(job.target), "exists already", "--force"):
        job.run()


def test_an_existing_target_is_replaced_with_force(job):
    job.target.write_bytes(OLD)
    job.run(force=True)
    assert job.target.read_bytes() == job.output


def test_a_target_that_appears_during_the_work_is_kept_without_force(job, tmp_path, monkeypatch):
    real = storage.write

    def write(target: Path, *others) -> None:
        target.write_bytes(OLD)
        real(target, *others)

    monkeypatch.setattr(storage, "write", write)
    with pytest.raises(NellocError, match="exists already"):
        job.run()
    assert job.target.read_bytes() == OLD
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


@pytest.mark.skipif(storage.fcntl is None, reason="files are not locked here")
def test_no_file_stays_open_where_a_second_descriptor_is_refused(tmp_path, monkeypatch):
    opened: list[int] = []
    real = storage._create
    monkeypatch.setattr(storage, "_create", lambda *given: opened.append(real(*given)) or opened[-1])

    def refuse(_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", refuse)
    with pytest.raises(NellocError, match="close other files first"):
        storage.write(tmp_path / "a", b"data", force=False)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    assert not list(tmp_path.iterdir())


def test_the_permissions_of_a_replaced_target_are_kept(job):
    for mode in (0o600, 0o444, 0o664):
        job.target.unlink(missing_ok=True)
        job.target.write_bytes(OLD)
        job.target.chmod(mode)
        job.run(force=True)
        assert stat.S_IMODE(job.target.stat().st_mode) == mode
        assert job.target.read_bytes() == job.output


def test_the_input_itself_is_never_the_target(job, tmp_path):
    link, hard = (tmp_path / f"{name}{job.target.suffix}" for name in ("link", "hard"))
    link.symlink_to(job.source)
    os.link(job.source, hard)
    for target in (link, hard):
        for force in (False, True):
            with refused(tmp_path, str(target), "input itself"):
                job.run(target, force=force)


@pytest.mark.parametrize("force", [False, True])
def test_an_input_whose_name_is_the_default_target_is_kept(tmp_path, photo, compressed, force):
    for function, source, name in ((files.compress, photo, "image.nlc"), (files.decompress, compressed, "file.png")):
        renamed = source.rename(tmp_path / name)
        with refused(tmp_path, name, "input itself"):
            function(renamed, force=force)


def test_a_symbolic_link_as_target_is_kept_without_force(job, tmp_path):
    (tmp_path / "pointee").write_bytes(OLD)
    for pointee in ("pointee", "absent"):
        job.target.unlink(missing_ok=True)
        job.target.symlink_to(tmp_path / pointee)
        with refused(tmp_path, str(job.target), "exists already"):
            job.run()


def test_a_symbolic_link_as_target_is_replaced_with_force_and_its_file_is_not_touched(job, tmp_path):
    (tmp_path / "pointee").write_bytes(OLD)
    for pointee in ("pointee", "absent"):
        job.target.unlink(missing_ok=True)
        job.target.symlink_to(tmp_path / pointee)
        job.run(force=True)
        assert not job.target.is_symlink()
        assert job.target.read_bytes() == job.output
    assert (tmp_path / "pointee").read_bytes() == OLD
    assert not (tmp_path / "absent").exists()


def test_a_device_or_pipe_as_target_is_refused_even_with_force(job, tmp_path):
    os.mkfifo(job.target)
    for force in (False, True):
        with refused(tmp_path, str(job.target), "not a regular file"):
            job.run(force=force)


def test_a_missing_folder_is_named(job, tmp_path):
    target = tmp_path / "absent" / job.target.name
    with refused(tmp_path, str(target), "folder does not exist"):
        job.run(target)


def test_a_folder_as_target_is_refused(job, tmp_path):
    job.target.mkdir()
    for force in (False, True):
        with refused(tmp_path, str(job.target), "is a folder"):
            job.run(force=force)


def test_a_file_in_the_place_of_the_folder_is_named(job, tmp_path):
    target = job.source / job.target.name
    with refused(tmp_path, str(target)):
        job.run(target)


def test_a_name_that_is_too_long_is_named(job, tmp_path):
    target = tmp_path / ("n" * 300 + job.target.suffix)
    with refused(tmp_path, "cannot be written", "too long"):
        job.run(target)


def test_a_read_only_folder_is_named(job, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with refused(tmp_path, str(folder), "cannot be written", "permission"):
        job.run(folder / job.target.name)


def test_a_name_with_a_zero_byte_is_refused(tmp_path, small_model_path):
    with refused(tmp_path, "cannot be read"):
        files.compress("photo\0.png", tmp_path / "out.nlc", model=small_model_path)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("call", ["open", "fdopen", "write", "fsync", "rename"])
def test_a_full_disk_leaves_the_folder_as_it_was(job, tmp_path, monkeypatch, force, call):
    def fail(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class FullFile:
        def __init__(self, descriptor: int, mode: str):
            self.descriptor = descriptor

        def __enter__(self):
            return self

        def __exit__(self, *error):
            os.close(self.descriptor)

        def write(self, data: bytes):
            os.write(self.descriptor, data[: len(data) // 2])
            fail()

    real_open = os.open
    if call == "open":
        # Only of a new file: the rest of the system must go on.
        monkeypatch.setattr(
            os, "open", lambda path, flags, *more: fail() if flags & os.O_CREAT else real_open(path, flags, *more)
        )
    elif call == "rename":
        for name in ("replace", "rename", "link"):
            monkeypatch.setattr(os, name, fail)
    else:
        monkeypatch.setattr(os, call if call != "write" else "fdopen", fail if call != "write" else FullFile)
    if force:
        job.target.write_bytes(OLD)
    with refused(tmp_path, str(job.target), "cannot be written", os.strerror(errno.ENOSPC)):
        job.run(force=force)


def test_an_interrupt_while_writing_leaves_the_folder_as_it_was(job, tmp_path, monkeypatch):
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    job.target.write_bytes(OLD)
    before = contents(tmp_path)
    monkeypatch.setattr(os, "fsync", interrupt)
    for force in (False, True):
        if not force:
            job.target.unlink()
            before.pop(str(job.target))
        else:
            job.target.write_bytes(OLD)
            before[str(job.target)] = OLD
        with pytest.raises(KeyboardInterrupt):
            job.run(force=force)
        assert contents(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="files have no such permissions here")
def test_an_output_is_no_more_open_than_its_input_and_the_permissions_come_back(job, tmp_path):
    for mode in (0o600, 0o640, 0o444, 0o644):
        job.source.chmod(mode)
        job.run(force=False)
        assert stat.S_IMODE(job.target.stat().st_mode) == mode
        job.target.unlink()
    job.source.chmod(0o666)
    job.run()
    assert stat.S_IMODE(job.target.stat().st_mode) == 0o644, "less what the umask takes"


def test_a_file_system_without_hard_links_is_written_and_existing_files_are_kept(job, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(errno.EPERM, "no hard links")

    monkeypatch.setattr(os, "link", fail)
    job.run()
    assert job.target.read_bytes() == job.output
    monkeypatch.setattr(disk, "check_target", lambda *args: None)
    with refused(tmp_path, "exists already"):
        job.run()
