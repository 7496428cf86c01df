"""Promises of `nelloc train` and `nelloc export`: what they leave behind, whatever happens to them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from failed_training import assert_failed
from PIL import Image
from running import environment, invoke, run_without_torch
from waiting import wait_for_end, wait_until

from nelloc.exact import model_store

torch = pytest.importorskip("torch", reason="training needs torch")

from nelloc.training.loop import Trainer, TrainingConfig  # noqa: E402
from nelloc.training.networks.local import LocalConfig  # noqa: E402

ONE_THREAD = environment() | {"OMP_NUM_THREADS": "1"}
TINY = ("--model", "width=8,components=2", "--batch", "500", "--threads", "1")
SHORT = (*TINY, "--megapixels", "0.01", "--validate-every", "0.005")
RUN = ["checkpoint.json", "checkpoint.safetensors", "curve.png", "model.nlm"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder of each test, with a folder of images."""
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    for k in range(4):
        Image.fromarray(smooth_image(k)).save(photos / f"{k}.png")
    return tmp_path


def smooth_image(seed: int, size: int = 48) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    waves = [np.sin(rows / random.uniform(3, 9) + columns / random.uniform(3, 9)) for _ in range(3)]
    return np.clip(128 + 50 * np.stack(waves, axis=2) + random.normal(size=(size, size, 3)), 0, 255).astype(np.uint8)


def started(*arguments: str) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "nelloc", *arguments], env=ONE_THREAD, **pipes)


def files(run: str) -> list[str]:
    return sorted(os.listdir(run))


# A run


def test_train_writes_a_checkpoint_a_log_a_curve_and_a_model_that_compresses():
    result = invoke(
        "train", "--data", "photos", "--out", "run", *TINY, "--megapixels", "0.01", "--validate-every", "0.004"
    )
    assert (result.exit_code, result.stdout) == (0, "")
    assert files("run") == RUN
    log = json.loads(Path("run/checkpoint.json").read_text())
    assert [round(row["megapixels"] * 1e6) for row in log["history"]] == [4000, 8000, 10000]
    assert log["history"][-1]["photos_bpd"] < log["history"][0]["photos_bpd"] < 9
    assert log["config"]["network"]["width"] == 8
    assert log["data"]["folders"] == [str(Path("photos").absolute())]
    assert Image.open("run/curve.png").size == (800, 500)
    lines = result.stderr.splitlines()
    assert [line.split(" Mpx: training ")[0] for line in lines[:-1]] == ["0.004", "0.008", "0.01"]
    assert lines[-1].startswith("run/model.nlm: model ")
    image = Path("photos/1.png")
    assert invoke("compress", str(image), "photo.nlc", "--model", "run/model.nlm").exit_code == 0


def test_two_trainings_with_one_seed_give_the_same_model_and_another_seed_another():
    models = []
    for run, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        arguments = ["--seed", seed, "--augment", "rotate", "--augment", "channels", "--augment", "brightness"]
        assert invoke("train", "--data", "photos", "--out", run, *SHORT, *arguments, "-q").exit_code == 0
        models.append(Path(run, "model.nlm").read_bytes())
    assert models[0] == models[1] != models[2]
    assert json.loads(Path("a/checkpoint.json").read_text())["data"]["augment"] == ["brightness", "channels", "rotate"]


def test_several_folders_are_trained_on_and_validated_one_by_one(folder):
    Path("more/photos").mkdir(parents=True)
    for k in range(3):
        Image.fromarray(smooth_image(10 + k, 20)).save(f"more/photos/{k}.jpg")
    Path("other").mkdir()
    Image.fromarray(smooth_image(20)[:, :, 0]).save("other/gray.png")
    Image.fromarray(smooth_image(21)).save("other/rgb.webp")
    data = ["--data", "photos", "--data", "more/photos", "--data", "other"]
    result = invoke("train", *data, "--out", "run", *SHORT, "--json", "-q", "--workers", "2", "--memory", "1")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["model"] == "run/model.nlm"
    assert set(found["bpd"]) == {"training", *(f"{folder.name}/photos", "more/photos", f"{folder.name}/other")}
    assert model_store.find("run/model.nlm").id.hex() == found["id"]


def test_a_gray_model_and_a_thesis_model_are_trained():
    for run, shape in (("gray", "fast-gray,width=8"), ("thesis", "thesis-r1,width=8,components=2")):
        arguments = ["--model", shape, "--batch", "500", "--megapixels", "0.002", "-q"]
        assert invoke("train", "--data", "photos", "--out", run, *arguments).exit_code == 0
        assert model_store.find(f"{run}/model.nlm").channels == (1 if run == "gray" else 3)
        assert invoke("export", run, f"{run}.nlm", "-q").exit_code == 0


def test_init_starts_from_an_integer_model():
    assert invoke("train", "--data", "photos", "--out", "first", *SHORT, "-q").exit_code == 0
    base = ["train", "--data", "photos", "--batch", "500", "--megapixels", "0.0005", "--learning-rate", "1e-9", "-q"]
    assert invoke(*base, "--out", "second", "--init", "first/model.nlm").exit_code == 0
    rates = [json.loads(Path(run, "checkpoint.json").read_text())["history"][-1] for run in ("first", "second")]
    assert rates[1]["photos_bpd"] == pytest.approx(rates[0]["photos_bpd"], abs=1e-3)
    assert_failed(invoke(*base, "--out", "third", "--init", "absent"), "absent", "no such model")


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
def test_quiet_and_verbose(flag):
    assert invoke("train", "--data", "photos", "--out", "a", *SHORT, flag, "-v").output == ""
    result = invoke("train", "--data", "photos", "--out", "b", *SHORT, "--verbose")
    assert "Mpx/s" in result.stderr


# Resuming


def test_resume_goes_on_and_ends_as_said():
    assert invoke("train", "--data", "photos", "--out", "run", *SHORT, "-q").exit_code == 0
    result = invoke("train", "--resume", "--out", "run", "--megapixels", "0.02", "--learning-rate", "0.001", "-q")
    assert result.exit_code == 0
    log = json.loads(Path("run/checkpoint.json").read_text())
    assert (log["seen"], log["config"]["learning_rate"]) == (20_000, 0.001)
    assert len(log["history"]) > 1
    # A finished run that is resumed only writes its model again.
    Path("run/model.nlm").unlink()
    assert invoke("train", "--resume", "--out", "run", "-q").exit_code == 0
    assert files("run") == RUN


def test_a_run_is_never_begun_over_another_or_resumed_from_nothing():
    assert invoke("train", "--data", "photos", "--out", "run", *SHORT, "-q").exit_code == 0
    before = Path("run/checkpoint.safetensors").read_bytes()
    assert_failed(invoke("train", "--data", "photos", "--out", "run", *SHORT), "run: has a training run", "--resume")
    assert Path("run/checkpoint.safetensors").read_bytes() == before
    assert_failed(invoke("train", "--resume", "--out", "absent"), "absent", "no checkpoint")
    Path("file").write_bytes(b"")
    assert_failed(invoke("train", "--data", "photos", "--out", "file", *SHORT), "file: is a file; give a folder")
    Path("run/checkpoint.safetensors").write_bytes(before[:1000])
    assert_failed(invoke("train", "--resume", "--out", "run"), "no checkpoint")


def test_a_run_stopped_before_its_first_validation_is_not_ended_there():
    trainer = Trainer(TrainingConfig(network=LocalConfig(width=8, components=2), batch=500, pixels=9000))
    trainer.seen = 4000
    trainer.save(Path("run"))
    again = "train", "--resume", "--out", "run", "--data", "photos", "-q", "--megapixels"
    assert_failed(invoke(*again, "0.003"), "run: has seen 0.004 megapixels and was not validated", "with --megapixels")
    assert invoke(*again, "0.005").exit_code == 0


def test_a_checkpoint_without_folders_asks_for_them():
    Trainer(TrainingConfig(network=LocalConfig(width=8, components=2), batch=500, pixels=1000)).save(Path("run"))
    assert_failed(invoke("train", "--resume", "--out", "run"), "--data")
    assert invoke("train", "--resume", "--out", "run", "--data", "photos", "-q").exit_code == 0


def test_a_run_that_is_resumed_on_other_data_remembers_where_it_is(folder, monkeypatch):
    """Not relative to the folder that the command was given in."""
    assert invoke("train", "--data", "photos", "--out", "run", *SHORT, "-q").exit_code == 0
    Path("photos").rename("moved")
    assert invoke("train", "--resume", "--out", "run", "--data", "moved", "--megapixels", "0.011", "-q").exit_code == 0
    log = json.loads(Path("run/checkpoint.json").read_text())
    assert log["data"]["folders"] == [str(folder / "moved")]
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert invoke("train", "--resume", "--out", "../run", "--megapixels", "0.012", "-q").exit_code == 0


def test_a_kill_at_any_moment_leaves_a_checkpoint_that_resumes():
    """SIGKILL at random moments of runs that save all the time; the last one is left to end."""
    moments = random.Random(1)
    arguments = ["--data", "photos", *TINY, "--megapixels", "1000", "--validate-every", "0.0005", "-q"]
    seen = 0
    for _ in range(3):
        with started("train", *arguments, "--out", "run") as process:
            wait_for("run/checkpoint.safetensors", process, other_than=seen)
            time.sleep(moments.random() * 0.5)
            process.kill()
            process.wait()  # not for the pipes, which the data worker holds for some seconds more
        trainer = Trainer.resume(Path("run"))
        assert trainer.seen > seen
        assert all(torch.isfinite(weight).all() for weight in trainer.averaged.parameters())
        seen = trainer.seen
        arguments = ["--resume", "--validate-every", "0.0005", "--threads", "1", "-q"]
    end = str((seen + 2000) / 1e6)
    assert invoke("train", "--resume", "--out", "run", "--megapixels", end, "-q").exit_code == 0
    assert set(RUN) <= set(files("run"))
    assert json.loads(Path("run/checkpoint.json").read_text())["seen"] == seen + 2000


def wait_for(path: str, process: subprocess.Popen, other_than: int) -> None:
    """Until ``path`` is a checkpoint of more than so many pixels."""
    wait_until(lambda: Path(path).exists() and Trainer.resume(Path(path).parent).seen > other_than, process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(number):
    with started("train", "--data", "photos", "--out", "run", *SHORT, "--megapixels", "1000") as process:
        wait_for("run/checkpoint.safetensors", process, other_than=0)
        process.send_signal(number)
        _, messages = wait_for_end(process)
    assert process.returncode == 1
    assert "Traceback" not in messages
    assert messages.splitlines()[-1].startswith("nelloc: run: stopped and saved after ")
    assert messages.endswith("nelloc train --resume --out run\n")
    log = json.loads(Path("run/checkpoint.json").read_text())
    assert log["seen"] >= log["history"][-1]["megapixels"] * 1e6
    end = str((log["seen"] + 1000) / 1e6)
    assert invoke("train", "--resume", "--out", "run", "--megapixels", end, "-q").exit_code == 0


# Several processes


def test_two_processes_train_one_network():
    """Both ranks' weights are equal after training, one of them writes, and the model learns."""
    script = Path("both.py")
    script.write_text(
        "import hashlib, os, sys\n"
        "from nelloc.cli.main import main\n"
        "from nelloc.training import run\n"
        "original = run.train\n"
        "def train(trainer, *arguments, **options):\n"
        "    done = original(trainer, *arguments, **options)\n"
        "    digest = hashlib.sha256()\n"
        "    for network in (trainer.network, trainer.averaged):\n"
        "        for weight in network.parameters():\n"
        "            digest.update(weight.detach().numpy().tobytes())\n"
        "    open('rank-' + os.environ['RANK'], 'w').write(digest.hexdigest())\n"
        "    return done\n"
        "run.train = train\n"
        "main(prog_name='nelloc')\n"
    )
    arguments = ["train", "--data", "photos", "--out", "run", *TINY, "--megapixels", "0.02"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(
        [*launch, *arguments, "--validate-every", "0.005"], env=ONE_THREAD, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert Path("rank-0").read_text() == Path("rank-1").read_text()
    assert done.stderr.count("run/model.nlm: model ") == 1
    history = json.loads(Path("run/checkpoint.json").read_text())["history"]
    assert [round(row["megapixels"] * 1e6) for row in history] == [5000, 10000, 15000, 20000]
    assert history[-1]["photos_bpd"] < history[0]["photos_bpd"]
    # The second process drew other pixels: one alone, with half the batch, ends elsewhere.
    weights = Trainer.resume(Path("run")).network.parameters()
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(weight.detach().numpy().tobytes())
    assert digest.hexdigest() != Path("rank-0").read_text()  # which has the averaged weights too


# What fails


def test_bad_folders_are_named():
    Path("empty").mkdir()
    assert_failed(invoke("train", "--data", "absent", "--out", "run", *SHORT), "absent: no such folder")
    assert_failed(invoke("train", "--data", "empty", "--out", "run", *SHORT), "empty: no images there")
    for k in range(3):
        Path(f"empty/{k}.png").write_bytes(b"no image")
    assert_failed(invoke("train", "--data", "empty", "--out", "run", *SHORT), "empty: none of its 3 images")
    assert not Path("run").exists()


def test_an_unreadable_image_is_named_and_left_out():
    for k in range(40):
        Path(f"photos/broken{k}.png").write_bytes(b"no image")
    result = invoke("train", "--data", "photos", "--out", "run", *SHORT)
    assert result.exit_code == 0
    named = [line for line in result.stderr.splitlines() if "left out" in line]
    assert len(named) == 40
    assert all(line.startswith("nelloc: photos/broken") or "/photos/broken" in line for line in named)


def test_divergence_keeps_the_last_checkpoint(monkeypatch):
    assert invoke("train", "--data", "photos", "--out", "run", *SHORT, "-q").exit_code == 0
    before = Path("run/checkpoint.safetensors").read_bytes()
    more = ("train", "--resume", "--out", "run", "--megapixels", "0.5")
    assert_failed(invoke(*more, "--learning-rate", "1000"), "diverged", "resume it with a lower --learning-rate")
    assert Path("run/checkpoint.safetensors").read_bytes() == before
    monkeypatch.setattr("nelloc.training.batches.bits_per_dimension", lambda nats, channels: nats.mean() * float("nan"))
    assert_failed(invoke(*more), "diverged", "nan")
    assert Path("run/checkpoint.safetensors").read_bytes() == before


def test_divergence_before_the_first_checkpoint_says_that_nothing_is_there(monkeypatch):
    monkeypatch.setattr("nelloc.training.batches.bits_per_dimension", lambda nats, channels: nats.mean() * float("nan"))
    result = invoke("train", "--data", "photos", "--out", "run", *SHORT)
    assert_failed(result, "diverged", "nothing was saved yet: start again with a lower --learning-rate than 0.002")
    assert "checkpoint" not in result.stderr
    assert not Path("run").exists()


@pytest.mark.parametrize("out", ["photos/1.png", "photos/1.png/run", "link"])
def test_a_run_that_could_not_be_saved_does_not_begin(out, monkeypatch):
    Path("link").symlink_to("nothing")
    monkeypatch.setattr("nelloc.training.run.train", lambda *_, **__: pytest.fail("it was trained"))
    assert_failed(invoke("train", "--data", "photos", "--out", out, *SHORT), f"nelloc: {out}: ")


def test_without_torch_one_line_says_what_to_install():
    for arguments in (["train", "--data", "photos", "--out", "run"], ["export", "run", "out.nlm"]):
        done = run_without_torch(*arguments)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "PATH[train]" in done.stderr


def test_a_device_that_is_not_there_is_named():
    for device in ("nothing", "cuda:99"):
        assert_failed(invoke("train", "--data", "photos", "--out", "run", *SHORT, "--device", device), device)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "run"],
        ["--data", "photos"],
        ["--data", "photos", "--out", "run", "--megapixels", "0"],
        *(
            ["--data", "photos", "--out", "run", option, number]
            for option in ("--megapixels", "--learning-rate", "--validate-every")
            for number in ("nan", "inf", "-inf")
        ),
        ["--data", "photos", "--out", "run", "--seed", str(2**63)],
        ["--data", "photos", "--out", "run", "--batch", "0"],
        ["--data", "photos", "--out", "run", "--batch", str(10**15)],
        ["--data", "photos", "--out", "run", "--augment", "noise"],
        ["--data", "photos", "--out", "run", "--model", "fast", "--init", "default"],
        ["--resume", "--out", "run", "--model", "fast"],
        ["--resume", "--out", "run", "--batch", "5"],
        ["--resume", "--out", "run", "--seed", "5"],
        ["--resume", "--out", "run", "--init", "default"],
    ],
    ids=" ".join,
)
def test_wrong_usage_has_exit_status_2_and_writes_nothing(arguments):
    assert invoke("train", *arguments).exit_code == 2
    assert not Path("run").exists()


# Export


def test_export_gives_the_model_of_the_run_and_says_what_it_cost():
    assert invoke("train", "--data", "photos", "--out", "run", *SHORT, "-q").exit_code == 0
    result = invoke("export", "run", "out.nlm")
    assert (result.exit_code, result.stdout) == (0, "")
    assert Path("out.nlm").read_bytes() == Path("run/model.nlm").read_bytes()
    assert "against its float parent's" in result.stderr.splitlines()[-1]
    assert "on 1 held-out image (0.00 Mpx)" in result.stderr
    assert_failed(invoke("export", "run", "out.nlm"), "out.nlm: exists already")
    cost = json.loads(invoke("export", "run", "out.nlm", "--force", "--json").stdout)["cost"]
    assert cost["pixels"] == 48 * 48
    assert 0 < cost["parent_bpd"] < 9
    assert abs(cost["model_bpd"] - cost["parent_bpd"]) < 0.5
    assert files("run") == RUN


def test_export_measures_on_other_data_and_says_where_there_is_none():
    assert invoke("train", "--data", "photos", "--out", "run", *SHORT, "-q").exit_code == 0
    Path("photos").rename("moved")
    result = invoke("export", "run", "out.nlm")
    assert result.exit_code == 0
    assert "was not measured" in result.stderr
    assert "on 1 held-out image (" in invoke("export", "run", "other.nlm", "--data", "moved").stderr
    twice = invoke("export", "run", "fourth.nlm", "--data", "moved", "--data", "moved")
    assert "on 2 held-out images (" in twice.stderr
    assert_failed(invoke("export", "run", "third.nlm", "--data", "photos"), "photos: no such folder")
    assert_failed(invoke("export", "absent", "third.nlm"), "absent", "no checkpoint")
    assert not Path("third.nlm").exists()


def test_a_folder_that_is_no_run_cannot_be_exported():
    result = invoke("export", "nosuch", "m.nlm")
    assert (result.exit_code, result.stdout) == (1, "")
    reason = "has no checkpoint.safetensors; give the folder of a run of nelloc train"
    assert result.stderr == f"nelloc: nosuch: {reason}\n"
