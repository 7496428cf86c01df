"""Promises of `--dask`: the same files as here, from a real scheduler and two workers on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from materials import small_model_bytes
from PIL import Image
from waiting import SECONDS, wait_until

import nelloc
from nelloc.cli.main import main
from nelloc.errors import NellocError
from nelloc.files.batch.cluster import on_cluster

pytest.importorskip("distributed", reason="needs the extra [dask]")
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(map(str, [Path(nelloc.__file__).parents[1], *Path(__file__).parents[:3]])),
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A loaded machine may take longer to answer than users are to wait."""
    monkeypatch.setattr("nelloc.files.batch.cluster.SECONDS", SECONDS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[str]:
    """The address of a scheduler with two workers, all processes of their own."""
    with started_cluster(tmp_path_factory.mktemp("cluster"), "--no-nanny") as address:
        yield address


@contextmanager
def started_cluster(folder: Path, *flags: str, workers: int = 2) -> Iterator[str]:
    """A scheduler, and so many workers with these flags."""
    file = folder / "scheduler.json"
    place = ["--scheduler-file", str(file)]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *place]
    worker = ["worker", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder), *place, *flags]
    started = [started_dask(*scheduler, folder=folder)]
    try:
        address = wait_until(lambda: address_in(file), started[0])
        started += [started_dask(*worker, folder=folder) for _ in range(workers)]
        wait_for_workers(address, workers)
        yield address
    finally:
        for process in started:
            process.kill() if "--no-nanny" in flags else process.terminate()
            process.wait(timeout=SECONDS)


def address_in(file: Path) -> str | None:
    """The address in a scheduler's file; None until it is written, which is not done at once."""
    try:
        return json.loads(file.read_text())["address"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def started_dask(command: str, *arguments: str, folder: Path) -> subprocess.Popen[bytes]:
    with open(folder / f"{command}.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", command, *arguments], env=ENVIRONMENT, cwd=folder, stdout=log, stderr=log
        )


def wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    if not count:
        return
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=SECONDS)


@pytest.fixture
def photos(tmp_path, monkeypatch) -> list[str]:
    """The current folder: a model, and a tree of photographs, whose names are returned."""
    monkeypatch.chdir(tmp_path)
    Path("model.nlm").write_bytes(small_model_bytes())
    random = np.random.default_rng(7)
    names = [f"photos/{number % 3}/{number}.png" for number in range(12)]
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (6, 9, 3), dtype=np.uint8)).save(name)
    return names


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="nelloc", catch_exceptions=False)


def own_process(item: str) -> int:
    """The process, once there are two of them that have an item of this folder."""
    folder = Path(item).parent
    Path(folder, str(os.getpid())).touch()
    wait_until(lambda: len(os.listdir(folder)) == 2)
    return os.getpid()


def die_of_three(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def fail(item: int) -> int:
    raise ModuleNotFoundError("no module")


def test_two_workers_share_the_items(cluster, tmp_path):
    items = [f"{tmp_path}/{number}" for number in range(8)]
    answers = dict(on_cluster(own_process, items, cluster))
    assert sorted(answers) == items
    assert len(set(answers.values())) == 2
    assert os.getpid() not in answers.values()


def test_a_tree_becomes_the_same_files_as_here_and_comes_back(cluster, photos):
    Path("photos/0/bad.png").write_bytes(b"no image")
    assert invoke("compress", "-r", "photos", "--output-dir", "here", "-q", "--model", "model.nlm").exit_code == 1
    result = invoke(
        "compress", "-r", "photos", "--output-dir", "there", "--json", "--model", "model.nlm", "--dask", cluster
    )
    assert result.exit_code == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(row["status"] for row in rows) == ["done"] * 12 + ["failed"]
    assert {Path(row["source"]).relative_to(Path.cwd()).as_posix() for row in rows} == {*photos, "photos/0/bad.png"}
    for name in photos:
        target = Path(*Path(name).parts[1:]).with_suffix(".nlc")
        assert Path("there", target).read_bytes() == Path("here", target).read_bytes()
    back = invoke(
        "decompress", "-r", "there", "--output-dir", "back", "--rm", "--model", "model.nlm", "--dask", cluster
    )
    assert back.exit_code == 0
    assert not list(Path("there").rglob("*.nlc"))
    for name in photos:
        found = Image.open(Path("back", *Path(name).parts[1:]))
        np.testing.assert_array_equal(np.asarray(found), np.asarray(Image.open(name)))


@pytest.mark.parametrize("address", ["foo", "nonsense://x"])
def test_what_is_no_address_gives_one_line_and_no_traceback_at_exit(photos, address):
    arguments = ["compress", "-r", "photos", "--output-dir", "out", "--dask", address]
    command = [sys.executable, "-m", "nelloc", *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"nelloc: {address}: no Dask scheduler answers there")


def test_an_address_where_nothing_is_gives_one_line(photos, monkeypatch):
    monkeypatch.setattr("nelloc.files.batch.cluster.SECONDS", 0.5)
    for address in ("127.0.0.1:9", "nonsense://x", "nowhere.invalid:1"):
        result = invoke("compress", "-r", "photos", "--output-dir", "out", "--dask", address)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"nelloc: {address}: no Dask scheduler answers there")
        assert result.stderr.count("\n") == 1


def test_workers_that_cannot_do_it_give_one_sentence(cluster):
    with pytest.raises(NellocError, match=r"cannot run the work .*no module"):
        list(on_cluster(fail, range(3), cluster))


def test_a_cluster_without_workers_gives_one_line(tmp_path, photos, monkeypatch):
    from distributed import Client

    wait_for_workers = Client.wait_for_workers
    monkeypatch.setattr(Client, "wait_for_workers", lambda self, count, timeout: wait_for_workers(self, count, 0.1))
    (tmp_path / "cluster").mkdir()
    with started_cluster(tmp_path / "cluster", "--no-nanny", workers=0) as address:
        result = invoke("compress", "-r", "photos", "--output-dir", "out", "--dask", address)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"nelloc: {address}: has no workers; start some with: dask worker {address}\n"


@pytest.mark.slow
def test_an_item_that_kills_workers_is_the_only_one_without_an_answer(tmp_path):
    with started_cluster(tmp_path) as address:  # nannies start workers again
        assert dict(on_cluster(die_of_three, range(6), address)) == {n: None if n == 3 else n for n in range(6)}


def test_without_distributed_one_sentence_says_what_to_install(photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "--dask", "localhost:1")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "PATH[dask]" in result.stderr
