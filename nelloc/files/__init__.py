"""Files on disk: compression, decompression and inspection, of one file or many."""
