"""Every sort of file comes back: samples, kind, palette, transparency and metadata, through .nlc and a written file."""

from __future__ import annotations

import pytest

from conformance.cases import cases
from conformance.round_trip import run
from nelloc import image
from nelloc.codec import Options
from nelloc.kinds import Kind

CASES = {case.name: case for case in cases()}


def test_there_are_cases_of_every_kind():
    assert {image.read(case.data, case.name).kind for case in CASES.values()} == set(Kind)


@pytest.mark.parametrize("name", CASES)
def test_a_file_comes_back(name, small_model_path):
    outcome = run(CASES[name], Options(model=small_model_path))
    assert outcome.samples
    assert outcome.description
    assert outcome.metadata_kept
    assert outcome.written
    if outcome.suffix == CASES[name].suffix:
        assert outcome.left_out == ()
