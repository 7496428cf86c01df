"""nelloc itself, as a codec to be measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import nelloc
from nelloc.bench.interface import Picture
from nelloc.codec import encode as codec
from nelloc.codec.container import parse
from nelloc.codec.decode import decode_files
from nelloc.codec.format import SectionType
from nelloc.codec.options import EncodeOptions
from nelloc.errors import NellocError
from nelloc.exact import model_store
from nelloc.image import Pixels

_PREFIX = "nelloc "


@dataclass(frozen=True)
class Nelloc:
    """nelloc with one model; ``encode`` makes the file that `nelloc compress` writes, without a model."""

    options: EncodeOptions

    @property
    def label(self) -> str:
        """Name in the results, with the model's name."""
        return f"{_PREFIX}{self.options.model}"

    def version(self) -> str:
        """Version of nelloc, and the model's id."""
        model = model_store.find(self.options.model or model_store.DEFAULT_MODEL)
        return f"nelloc {nelloc.__version__}, model {model.id.hex()}"

    def refuses(self, picture: Picture) -> str | None:
        """None: every picture can be coded."""
        if codec.has_colour(picture.pixels):
            try:
                codec.model_for(picture.pixels, self.options)
            except NellocError as error:
                return str(error)
        return None

    def encode(self, picture: Picture) -> bytes:
        """Encode a picture to an .nlc file."""
        options = replace(self.options, embed=False)  # a model's bytes are told apart from rates
        return codec.encode_pixels([picture.pixels], options, verify=False)[0].data

    def decode(self, data: bytes) -> Pixels:
        """Decode an .nlc file."""
        # The model is found by the id in the file, as `nelloc decompress` does.
        options = replace(self.options.for_decoding(self.options.backend), model=self._path())
        file = parse(data, "encoded data", max_pixels=options.max_pixels)
        return decode_files([file], ["encoded data"], options)[0]

    def same(self, picture: Picture, decoded: Pixels) -> bool:
        """Return True if pixels and metadata are equal, as `nelloc compress` checks."""
        return picture.pixels.same_as(decoded)

    def _path(self) -> str | None:
        """Path of the model if it is neither shipped nor installed."""
        name = str(self.options.model)
        return None if name in model_store.available() else name


def is_own(label: str) -> bool:
    """Return True if a label is that of nelloc."""
    return label.startswith(_PREFIX)


def metadata_bytes(data: bytes) -> int:
    """Bytes of metadata in an .nlc file."""
    return sum(len(section.data) for section in parse(data).sections if section.type == SectionType.METADATA)
