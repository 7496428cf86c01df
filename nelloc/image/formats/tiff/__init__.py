"""TIFF files, and EXIF, which is a TIFF structure: their directories, samples and metadata, in and out."""
