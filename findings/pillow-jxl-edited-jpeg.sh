#!/usr/bin/env bash
# pillow-jxl-plugin saves an edited JPEG as the file on the disk was: what was drawn or resized in place is lost.
#
# An image that Pillow opened from a .jpg and that is saved as .jxl is not encoded: the plugin reads the file again, by
# its name, and repacks that. It looks at the image's format alone, which stays "JPEG" after drawing, paste(), putpixel()
# and thumbnail(). So the .jxl lacks the edit, with lossless=True as well; the only sign is a warning that speaks of "JPEG
# reconstruction". copy(), convert() and resize() give images without a format, which are saved as they are;
# lossless_jpeg=False helps.
#
# pillow-jxl-plugin 1.3.8, Pillow 12.0.0. Output seen:
#   drawn on: (255, 0, 0) in memory, (128, 128, 128) in the JPEG XL file, lossless=True
#   thumbnail: (32, 32) in memory, (64, 64) in the JPEG XL file
#   lossless_jpeg=False: (255, 0, 0)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow-jxl-plugin==1.3.8 pillow==12.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'END'
import pillow_jxl  # noqa: F401
from PIL import Image, ImageDraw

Image.new("RGB", (64, 64), (128, 128, 128)).save("photo.jpg")


def saved(image, **options):
    image.save("out.jxl", **options)
    with Image.open("out.jxl") as back:
        return back.convert("RGB")


image = Image.open("photo.jpg")
ImageDraw.Draw(image).rectangle((8, 8, 56, 56), fill=(255, 0, 0))
mine, back = image.getpixel((32, 32)), saved(image, lossless=True).getpixel((32, 32))
print(f"drawn on: {mine} in memory, {back} in the JPEG XL file, lossless=True")
assert (mine, back) == ((255, 0, 0), (128, 128, 128))

small = Image.open("photo.jpg")
small.thumbnail((32, 32))
size = saved(small, lossless=True).size
print(f"thumbnail: {small.size} in memory, {size} in the JPEG XL file")
assert (small.size, size) == ((32, 32), (64, 64))

kept = saved(image, lossless=True, lossless_jpeg=False).getpixel((32, 32))
print(f"lossless_jpeg=False: {kept}")
assert kept == (255, 0, 0)
END
