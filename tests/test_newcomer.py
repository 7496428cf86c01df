"""Promise of README: who does what it says in an empty environment gets what it shows."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a clone")
def test_a_newcomer_does_what_readme_says():
    """It builds a wheel and downloads what nelloc needs: minutes."""
    command = [sys.executable, str(ROOT / "scripts" / "newcomer.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all is as README says\n")
