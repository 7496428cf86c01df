#!/usr/bin/env bash
# img2pdf, "lossless conversion of raster images to PDF", cuts 16-bit colour PNG files to 8 bits if they are interlaced.
#
# That is the first sentence of its description, and it refuses images with alpha rather than change them. PNG data
# are put into the PDF as they are, with 16 bits. PDF has no interlacing, so such files are decoded and packed anew,
# for which Pillow is used, and Pillow reads colour of 16 bits as 8. The PDF is smaller and looks the same; nothing is
# said. An interlaced gray file of 16 bits is an error instead ("unknown colorspace").
#
# img2pdf 0.6.3, pikepdf 10.18.0, pillow 13.0.0, pypng 0.20220715.0. Output seen: bits per sample in the PDF, and what
# of the samples is there
#   colour, not interlaced   16   all
#   colour, interlaced        8   the high bytes
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check img2pdf==0.6.3 pikepdf==10.18.0 pillow==13.0.0 \
    numpy==2.4.6 pypng==0.20220715.0
cd "$folder"
"$folder/venv/bin/python" -W error - <<'END'
import io
import struct

import img2pdf
import numpy as np
import pikepdf
import png

HEIGHT, WIDTH = 16, 24
pixels = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH * 3), np.uint16)


def samples(file):
    _, _, rows, about = png.Reader(bytes=file).read()
    return np.vstack(list(rows)), about["bitdepth"]


def in_pdf(file):
    """Samples and depth of the image in the PDF, whose data are those of a PNG file."""
    pdf = pikepdf.open(io.BytesIO(img2pdf.convert(file)))
    (image,) = pdf.pages[0].Resources.XObject.values()
    assert image.DecodeParms.Predictor == 15
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, int(image.BitsPerComponent), 2, 0, 0, 0)
    again = io.BytesIO()
    png.write_chunks(again, [(b"IHDR", header), (b"IDAT", image.read_raw_bytes()), (b"IEND", b"")])
    return samples(again.getvalue())


for name, interlaced, bits, expected in (
    ("colour, not interlaced", False, 16, pixels),
    ("colour, interlaced", True, 8, pixels >> 8),
):
    written = io.BytesIO()
    png.Writer(WIDTH, HEIGHT, greyscale=False, bitdepth=16, interlace=interlaced).write(written, pixels.tolist())
    assert np.array_equal(samples(written.getvalue())[0], pixels), "the PNG file is wrong"
    found, depth = in_pdf(written.getvalue())
    print(f"{name:22} {depth:4}   {'all' if np.array_equal(found, pixels) else 'the high bytes'}")
    assert depth == bits and np.array_equal(found, expected), "img2pdf has changed"
END
