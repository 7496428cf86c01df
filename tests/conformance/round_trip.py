"""One case through the codec and back into a file, and what came back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from conformance.cases import Case
from nelloc import container, image
from nelloc.codec import Options, decode_files, encode_pixels


@dataclass(frozen=True)
class Outcome:
    """What came back of a case: from .nlc, and from the image file written of it in the format ``suffix``.

    ``left_out`` names metadata that this format does not hold.
    """

    case: Case
    kind: str
    metadata: tuple[str, ...]
    file_bytes: int
    samples: bool
    description: bool
    metadata_kept: bool
    suffix: str
    written: bool
    left_out: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True if all came back, and what the written file does not hold was named."""
        return self.samples and self.description and self.metadata_kept and self.written


def run(case: Case, options: Options) -> Outcome:
    """Read, encode, decode and write a case."""
    pixels = image.read(case.data, case.name)
    (encoded,) = encode_pixels([pixels], options, verify=False)
    (back,) = decode_files([container.parse(encoded.data, case.name)], [case.name], options)
    array = image.to_array(back)
    suffix = case.suffix if case.suffix in image.OUTPUT_SUFFIXES else ".png"
    written = image.write(back, suffix, case.name)
    again = image.read(written.data, case.name)
    return Outcome(
        case,
        pixels.kind.name,
        pixels.metadata.names,
        len(encoded.data),
        array.dtype == case.samples.dtype and np.array_equal(array, case.samples),
        (back.kind, back.palette, back.transparent) == (pixels.kind, pixels.palette, pixels.transparent),
        back.metadata == pixels.metadata,
        suffix,
        image.same_picture(pixels, again) and _kept(pixels, again, written.left_out, exactly=suffix == case.suffix),
        written.left_out,
    )


def _kept(pixels: image.Pixels, again: image.Pixels, left_out: tuple[str, ...], *, exactly: bool) -> bool:
    """True if the written file has the metadata that is not said to be left out; ``exactly`` so in the same format."""
    wanted = [item for item in pixels.metadata.items if item.name not in left_out]
    if not exactly:
        texts = {"comment"} if again.metadata.texts else set()
        return {item.name for item in wanted} <= set(again.metadata.names) | texts
    return not Counter(wanted) - Counter(again.metadata.items)
