"""Plug-ins that make .nlc available in Pillow, numcodecs and Zarr."""
