"""Results of a conversion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gain:
    """Sizes with the adapted models and without.

    ``models`` are the ids of the adapted models, and ``model_bytes`` their size in the files or beside them; there are
    none if they saved too little, and the model was used as it is. ``shipped_bytes`` is the size of all files made with
    it, ``adapted_bytes`` of all files made with the adapted ones and of these; ``gain`` is the share of bytes saved.
    ``pixels`` were trained on, each as often as it was.
    """

    models: tuple[str, ...]
    model_bytes: int
    shipped_bytes: int
    adapted_bytes: int
    gain: float
    pixels: int


@dataclass(frozen=True)
class Result:
    """Result of a conversion: the files, their sizes in bytes, and the image.

    ``left_out`` as in ``Pixels``; ``damaged`` names the damaged tiles and other damaged parts of the file. ``keeps`` is
    ``pixels`` or ``bytes``: the part of the image file that the .nlc file keeps.
    """

    source: str
    target: str
    source_bytes: int
    target_bytes: int
    width: int
    height: int
    planes: int
    left_out: tuple[str, ...] = ()
    adapted: Gain | None = None
    damaged: tuple[str, ...] = ()
    keeps: str = "pixels"

    @property
    def samples(self) -> int:
        """Number of samples of the image."""
        return self.width * self.height * self.planes
