"""`nelloc models` lists what is installed, with what was measured and nothing else."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import running
from materials import small_model_bytes

from nelloc.exact import model_store

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def user_folder(tmp_path, monkeypatch) -> Path:
    """The user's own models, none so far."""
    monkeypatch.setenv("NELLOC_MODELS", str(tmp_path))
    return tmp_path


invoke = partial(running.invoke, "models")


def test_shipped_and_own_models_are_listed(user_folder):
    (user_folder / "mine.nlm").write_bytes(small_model_bytes())
    result = invoke()
    assert (result.exit_code, result.stderr) == (0, "")
    heads, *rows, here = result.stdout.splitlines()
    assert heads.split()[:2] == ["name", "id"]
    assert here.startswith("computes with ")
    assert {row.split()[0] for row in rows} == {*model_store.shipped(), "mine"}
    mine = next(row for row in rows if row.startswith("mine"))
    assert model_store.find(user_folder / "mine.nlm").id.hex() in mine
    assert mine.split()[2:4] == ["-", "-"]


def test_rates_and_speeds_are_those_that_were_measured(user_folder):
    rows = {row.split()[0]: row.split() for row in invoke().stdout.splitlines()}
    facts = json.loads((ROOT / "weights" / "models.json").read_text())
    for name in model_store.shipped():
        of_model = facts[rows[name][1]]
        assert float(rows[name][3]) == round(of_model["decode_megapixels_per_second"]["value"], 2)
    assert rows["default"][2] == "2.630"


def test_rates_and_speeds_without_learning_are_marked(user_folder):
    (user_folder / "mine.nlm").write_bytes(small_model_bytes())
    facts = {
        "kodak_bpd": {"value": 2.5, "command": "python a.py"},
        "decode_megapixels_per_second": {"value": 1.25, "command": "python b.py", "on": "a photograph, --no-learn"},
    }
    name = model_store.find(user_folder / "mine.nlm").id.hex()
    (user_folder / "models.json").write_text(json.dumps({name: facts}))
    *rows, note, _ = invoke().stdout.splitlines()
    assert note == "* with --no-learn"
    assert next(row for row in rows if row.startswith("mine")).split()[2:4] == ["2.500", "1.25*"]


def test_json_has_the_commands_that_measured(user_folder):
    found = {entry["name"]: entry for entry in json.loads(invoke("--json").stdout)}
    model = model_store.find("default")
    assert found["default"]["id"] == model.id.hex()
    assert found["default"]["bytes"] == model.size
    assert found["default"]["multiply_adds"] == model.multiply_adds


def test_every_fact_has_a_command_of_this_repository_and_is_in_its_results():
    results = "".join(path.read_text() for path in (ROOT / "benchmarks" / "results").glob("*.md"))
    for facts in json.loads((ROOT / "weights" / "models.json").read_text()).values():
        for fact in facts.values():
            _, script, *_ = fact["command"].split()
            assert (ROOT / script).is_file()
            assert fact["command"] in results


def test_facts_of_another_model_are_not_inherited(user_folder):
    (user_folder / "mine.nlm").write_bytes(small_model_bytes())
    fact = {"value": 2.5, "command": "python a.py"}
    name = model_store.find(user_folder / "mine.nlm").id.hex()
    (user_folder / "models.json").write_text(json.dumps({name: {"kodak_bpd": fact}}))
    assert "2.500" in invoke().stdout
    (user_folder / "mine.nlm").write_bytes(small_model_bytes(seed=1))
    assert "2.500" not in invoke().stdout


def test_a_damaged_model_is_named_and_the_others_are_listed(user_folder):
    (user_folder / "mine.nlm").write_bytes(b"damaged")
    result = invoke()
    assert result.exit_code == 1
    assert result.stderr.startswith(f"nelloc: {user_folder / 'mine.nlm'}: ")
    assert "default" in result.stdout
    (user_folder / "mine.nlm").write_bytes(small_model_bytes())
    (user_folder / "models.json").write_text("[]")
    assert "not a file of facts" in invoke().stderr
