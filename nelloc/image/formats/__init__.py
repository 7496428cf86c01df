"""Readers and writers of single image formats, for what Pillow and other libraries do not read or write."""

# Extensions of the images that are compressed when a folder is given.
IMAGE_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
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
