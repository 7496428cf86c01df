"""The two directions of a run: image files to .nlc files, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from nelloc import image, storage
from nelloc.codec import stream_end
from nelloc.codec.options import DecodeOptions, EncodeOptions, Options
from nelloc.errors import NellocError
from nelloc.files import convert as files
from nelloc.files.batch.plan import Job
from nelloc.files.convert import OpenedFile, OpenedImage
from nelloc.files.jpeg import JPEG_SUFFIXES, OpenedJpeg, check_output, open_jpeg
from nelloc.files.result import Result


@dataclass(frozen=True)
class Ready:
    """A job whose input was read: the file at that time, and its contents."""

    job: Job
    file: storage.Input
    opened: Any


@dataclass(frozen=True)
class Conversion(ABC):
    """Settings and steps of the conversion of files.

    With ``remove`` an input is deleted after its output was verified and synced. With ``resume`` missing folders are
    made, files that are done already are skipped, and an internal error fails one file only.
    """

    options: Options
    force: bool = False
    verify: bool = True
    remove: bool = False
    resume: bool = True

    def __post_init__(self) -> None:
        if self.remove and not self.verify:
            raise NellocError("inputs are removed only after their outputs were verified; leave out --no-verify")

    @property
    @abstractmethod
    def extent(self) -> storage.Extent:
        """Bytes of an input that are read where it is not a regular file."""

    @abstractmethod
    def open(self, data: bytes, job: Job) -> OpenedImage | OpenedJpeg | OpenedFile:
        """Parse an input. Raises NellocError if that fails."""

    @abstractmethod
    def area(self, ready: Ready) -> int:
        """Number of pixels of an input."""

    @abstractmethod
    def convert(self, group: Sequence[Ready]) -> list[tuple[Result, bytes]]:
        """Convert several inputs. Raises NellocError if one of them cannot be converted."""

    @abstractmethod
    def check_done(self, job: Job) -> None:
        """Raise NellocError unless the output of a job is there, and whole."""

    @abstractmethod
    def confirm(self, ready: Ready) -> tuple[str, ...]:
        """Compare an input with its output; returns the metadata it lacks. Raises NellocError if pixels differ."""


@dataclass(frozen=True)
class Compression(Conversion):
    """Conversion of image files to .nlc files. Those from before may need models of the folder ``models``."""

    options: EncodeOptions
    models: Path | None = None

    @property
    def extent(self) -> storage.Extent:
        """Bytes of an image file."""
        return image.extent(self.options.max_pixels)

    def open(self, data: bytes, job: Job) -> OpenedImage | OpenedJpeg:
        """Read an image."""
        return files.open_image(data, str(job.source), self.options)

    def area(self, ready: Ready) -> int:
        """Number of pixels of the image."""
        return ready.opened.width * ready.opened.height

    def convert(self, group: Sequence[Ready]) -> list[tuple[Result, bytes]]:
        """Compress images together."""
        return files.encode_images([ready.opened for ready in group], self.options, verify=self.verify)

    def check_done(self, job: Job) -> None:
        """Raise NellocError unless the .nlc file of a job is there, and whole."""
        self._target(job)

    def confirm(self, ready: Ready) -> tuple[str, ...]:
        """Decode the .nlc file and compare it; returns the metadata it lacks. Raises NellocError if pixels differ."""
        files.check_same(ready.opened, self._target(ready.job), self._decoding)
        return ready.opened.left_out

    def _target(self, job: Job) -> OpenedFile:
        return files.open_compressed(storage.read(job.target), str(job.target), self._decoding)

    @property
    def _decoding(self) -> DecodeOptions:
        options = self.options.for_decoding(self.options.backend)
        return options if self.models is None else replace(options, model=self.models)


@dataclass(frozen=True)
class Decompression(Conversion):
    """Conversion of .nlc files to image files, in the format of ``suffix``, or else of the output's extension."""

    options: DecodeOptions
    suffix: str | None = None

    @property
    def extent(self) -> storage.Extent:
        """Bytes of an .nlc file."""
        return stream_end.extent(self.options.max_pixels)

    def open(self, data: bytes, job: Job) -> OpenedFile:
        """Parse an .nlc file."""
        if self.suffix is None:
            check_output(job.target)
        return files.open_compressed(data, str(job.source), self.options)

    def area(self, ready: Ready) -> int:
        """Number of pixels of the image."""
        return ready.opened.file.width * ready.opened.file.height

    def convert(self, group: Sequence[Ready]) -> list[tuple[Result, bytes]]:
        """Decompress files together."""
        done = []
        for suffix, found in groupby(group, key=lambda ready: self._suffix(ready.job)):
            opened = [ready.opened for ready in found]
            done += files.decode_images(opened, self.options, suffix, verify=self.remove)
        return done

    def check_done(self, job: Job) -> None:
        """Raise NellocError unless the image file of a job is there, and whole."""
        self._target(job)

    def confirm(self, ready: Ready) -> tuple[str, ...]:
        """Compare the image file with the .nlc file; it lacks nothing. Raises NellocError if they differ."""
        job = ready.job
        files.check_same(self._target(job), ready.opened, self.options, made=self._suffix(job))
        return ()

    def _suffix(self, job: Job) -> str:
        return self.suffix or job.target.suffix

    def _target(self, job: Job) -> OpenedImage | OpenedJpeg:
        data, name = storage.read(job.target), str(job.target)
        if self._suffix(job).lower() in JPEG_SUFFIXES:
            return open_jpeg(data, name, replace(self.options, strip=False))
        return files.open_image(data, name, self.options)
