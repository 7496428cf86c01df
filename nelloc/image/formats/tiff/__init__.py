"""TIFF files, and EXIF, which is a TIFF structure: directories, samples and metadata, in and out."""
