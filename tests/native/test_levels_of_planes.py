"""libnelloc refuses the same lists of levels, and numbers of no level, as Python; and marks what is damaged alike."""

from __future__ import annotations

import numpy as np
from compiling import run
from decoder_library import line_of
from level_files import MALFORMED, MALFORMED_SAMPLES, NUMBERS, OF_257, OF_TWO, forged

from nelloc.image import from_array
from nelloc.image.kinds import Kind


def test_malformed_lists_are_refused(hash_files, tmp_path):
    files = [forged(kind, section) for kind, section in MALFORMED]
    files += [forged(Kind.GRAY16, OF_257, samples=bytes(samples)) for samples in MALFORMED_SAMPLES]
    for number, data in enumerate(files):
        path = tmp_path / f"{number}.nlc"
        path.write_bytes(data)
        said = run([str(hash_files), "plain", str(path)])
        assert "its description of the image makes no sense" in said, number


def test_numbers_of_no_level_are_damage(hash_files, tmp_path):
    for number, sample in NUMBERS:
        path = tmp_path / f"{number}.nlc"
        path.write_bytes(forged(Kind.GRAY, OF_TWO, number))
        said = run([str(hash_files), "plain", str(path)])
        if sample is None:
            assert "tile 0 has samples beyond the levels of its plane, so it is damaged" in said
        else:
            assert said.splitlines() == [line_of(path, from_array(np.full((4, 5), sample, np.uint8)))]
