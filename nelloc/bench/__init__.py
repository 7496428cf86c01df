"""nelloc beside other lossless codecs, on any images: `nelloc bench`."""
