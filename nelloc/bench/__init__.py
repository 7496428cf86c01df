"""Comparison of nelloc with other lossless codecs on any images: `nelloc bench`."""
