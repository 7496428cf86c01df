"""Promises of the packages: what they are called, what they hold, and what they need."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

import nelloc
from nelloc.errors import install_advice

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Source distributions are smaller than this, 2.5 MB.
MOST_BYTES = 2_500_000
# What is to be filled in before a release, and where it stands.
PLACEHOLDERS = {
    "https://nelloc.example/": ["pyproject.toml"],
    "https://nelloc.example/docs/": ["mkdocs.yml", "pyproject.toml"],
    "https://nelloc.example/issues/": ["pyproject.toml"],
    "https://nelloc.example/repository/": ["mkdocs.yml", "pyproject.toml"],
    "https://nelloc.example/repository/CHANGELOG.md": ["pyproject.toml"],
    "git clone REPOSITORY": ["CONTRIBUTING.md"],
    "SECURITY-CONTACT": ["SECURITY.md"],
}


def tracked(*patterns: str) -> list[str]:
    """The files of the repository, those that are not committed yet too."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip("not a clone of the repository")
    return [name for name in found.stdout.decode().split("\0") if name and (ROOT / name).exists()]


def text(name: str) -> str:
    return (ROOT / name).read_bytes().decode("utf-8", "replace")


def test_what_is_to_be_filled_in_before_a_release_stands_where_this_list_says():
    pattern = re.compile(r"https://nelloc\.example/[\w./-]*|git clone REPOSITORY|SECURITY-CONTACT")
    found: dict[str, list[str]] = {}
    documents = tracked("*.md", "*.toml", "*.cff", "*.yml", "*.py", "*.xml", "*.desktop", "NOTICE")
    for name in documents:
        if not name.startswith("tests/"):
            for placeholder in dict.fromkeys(pattern.findall(text(name))):
                found.setdefault(placeholder, []).append(name)
    assert found == PLACEHOLDERS
    urls = set(PROJECT["project"]["urls"].values())
    assert urls == {name for name in PLACEHOLDERS if name.startswith("https:")}


def test_the_version_is_the_same_everywhere():
    assert re.fullmatch(r"\d+\.\d+\.\d+", nelloc.__version__)
    assert f"\nversion: {nelloc.__version__}\n" in text("CITATION.cff")
    assert f"\n## {nelloc.__version__}" in text("CHANGELOG.md")


def test_the_changelog_has_the_usual_groups_in_their_order():
    section = text("CHANGELOG.md").split(f"\n## {nelloc.__version__}")[1].split("\n## ")[0]
    groups = re.findall(r"^### (.+)$", section, re.MULTILINE)
    assert groups == ["Added", "Changed", "Removed", "Fixed", "Security"]


def test_the_lower_bounds_are_those_that_the_workflow_tests():
    bounds = {}
    for requirement in PROJECT["project"]["dependencies"]:
        name, bound = re.fullmatch(r"([\w-]+)>=([\d.]+)(?:,<[\d.]+)?", requirement).groups()
        bounds[name] = bound
    pins = dict(line.split("==") for line in text("scripts/oldest.txt").splitlines() if not line.startswith("#"))
    assert pins.keys() == bounds.keys()
    for name, pin in pins.items():
        assert f"{pin}.".startswith(f"{bounds[name]}."), name
    assert "constriction>=0.5,<0.6" in PROJECT["project"]["dependencies"]


def test_the_workflow_tests_every_python_that_is_named_on_every_system():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    jobs = yaml.safe_load(text(".github/workflows/wheels.yml"))["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    versions = [name.rsplit(" ", 1)[1] for name in PROJECT["project"]["classifiers"] if " 3." in name]
    assert matrix["python"] == versions
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert any("oldest.txt" in entry["pins"] for entry in matrix["include"])
    built = {entry["name"] for entry in jobs["wheels"]["strategy"]["matrix"]["include"]}
    assert {"linux-x86_64", "linux-arm64", "macos-arm64", "windows-x86_64"} <= built
    for job in jobs.values():
        systems = job.get("strategy", {}).get("matrix", {}).get("system", [])
        assert {system["name"] for system in systems} <= built
    scripts = re.findall(r"scripts/[\w.]+", text(".github/workflows/wheels.yml"))
    assert scripts
    assert all((ROOT / name).exists() for name in scripts)


def test_no_text_advises_to_install_a_name_that_no_index_has():
    """An index might give that name to somebody else's package: see ``install_advice``."""
    advice = re.compile(r"""(?:pip install|^install) (?:-\S+ )*['"]?nelloc(?![\w./-])|nelloc\[""", re.MULTILINE)
    names = tracked("*.py", "*.md", "*.sh", "*.txt", "*.yml", ".ci/run")
    names = [name for name in names if name != "tests/test_packaging.py"]
    assert [name for name in names if advice.search(text(name))] == []
    assert "PATH[train]" in install_advice("train")


def test_the_licence_of_the_weights_names_every_source_of_the_training_data():
    notice = text("NOTICE")
    sources = ("ImageNet", "BSDS500", "metadata-extractor-images", "Unsplash", "Sceaux Castle", "CIFAR-10", "CelebA")
    for word in (*sources, "Fashion-MNIST", "kodim23", "US 2026/0081620 A1"):
        assert word in notice, word


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """The source distribution of what git has, built by setuptools."""
    pytest.importorskip("setuptools", minversion="77", reason="needs setuptools 77 or later")
    folder = tmp_path_factory.mktemp("sdist")
    source = folder / "source"
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    code = f"from setuptools import build_meta; print(build_meta.build_sdist({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    return folder / f"nelloc-{nelloc.__version__}.tar.gz"


def test_the_source_distribution_is_small_and_has_what_the_wheel_is_built_from(sdist):
    assert sdist.stat().st_size < MOST_BYTES
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    core = ("native/binding/", "native/include/", "native/src/")
    sources = {name for name in tracked("native") if name.startswith(core)}
    assert {name for name in sources if name.endswith((".c", ".h"))} <= names
    assert {*tracked("nelloc"), "setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"} <= names
    unwanted = (
        "tests/",
        "benchmarks/",
        "docs/",
        "native/fuzz",
        "native/lib",
        "native/tests",
        "findings/",
        "weights/checkpoints",
    )
    assert [name for name in names if name.startswith(unwanted)] == []


def test_the_wheel_has_every_file_of_the_package_and_the_shipped_models(sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("nelloc-*")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    built = {path.relative_to(tmp_path / "built").as_posix() for path in (tmp_path / "built").rglob("*.*")}
    expected = {name for name in tracked("nelloc") if "." in name.rsplit("/", 1)[-1]}
    models = {f"nelloc/{name}" for name in tracked("weights") if name.endswith((".nlm", "models.json"))}
    models = {name for name in models if "checkpoints" not in name}
    assert expected | models <= built
    assert "nelloc/py.typed" in built
    assert [name for name in built if name.endswith((".csv", ".safetensors")) and "/ood/" not in name] == []
