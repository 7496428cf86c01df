#!/usr/bin/env bash
# imageio writes lossless FFV1 video with subsampled colour, and stretches its frames.
#
# FFV1 is a lossless codec, and codec="ffv1" in mimwrite or get_writer gives a valid FFV1 file. But imageio asks ffmpeg
# for pixel format yuv420p whatever the codec, and for frames whose sides are multiples of 16: a frame of 50 x 70 comes
# back as 64 x 80, resampled (said in a log line only). pixelformat="bgr0" with macro_block_size=1 is exact.
#
# imageio 2.38.1, imageio-ffmpeg 0.8.1, numpy 2.4.6. Output seen:
#   codec="ffv1", frames of 50 x 70: (3, 64, 80, 3)
#   codec="ffv1", frames of 64 x 64: 0.99 of the samples differ, by up to 243
#   with pixelformat="bgr0", macro_block_size=1: (3, 50, 70, 3), 0.00 of the samples differ
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check imageio==2.38.1 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'END'
import imageio.v2 as imageio
import numpy as np

def through(frames, **options):
    imageio.mimwrite("a.mkv", list(frames), codec="ffv1", **options)
    return np.array(imageio.mimread("a.mkv"))

random = np.random.default_rng(0)
odd, even = (random.integers(0, 256, (3, *size, 3), dtype=np.uint8) for size in ((50, 70), (64, 64)))
stretched = through(odd)
print('codec="ffv1", frames of 50 x 70:', stretched.shape)
assert stretched.shape == (3, 64, 80, 3)
back = through(even)
largest = np.abs(back.astype(int) - even).max()
print(f'codec="ffv1", frames of 64 x 64: {np.mean(back != even):.2f} of the samples differ, by up to {largest}')
assert back.shape == even.shape
assert np.mean(back != even) > 0.9
exact = through(odd, pixelformat="bgr0", macro_block_size=1)
print(f'with pixelformat="bgr0", macro_block_size=1: {exact.shape}, {np.mean(exact != odd):.2f} of the samples differ')
assert np.array_equal(exact, odd)
END
