"""Readers and writers of single image formats, below what Pillow and other libraries do."""

# The extensions of images that are compressed of a folder.
IMAGE_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".webp",
    ".qoi",
)
