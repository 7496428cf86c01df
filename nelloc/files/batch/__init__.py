"""Many files at once: folders mirrored, each file done, failed or skipped, and a second run that finishes the first."""
