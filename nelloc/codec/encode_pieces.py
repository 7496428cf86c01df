"""Encoding of the pieces of images: each in all ways of its trials, of which the smallest result is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nelloc.codec import plain_tiles
from nelloc.codec.format import LAYERS, Method
from nelloc.codec.lattice import OnLattice
from nelloc.codec.lzma_rows import Filter, fewest_bytes
from nelloc.codec.past import pixels as past_pixels
from nelloc.codec.search import Piece, Trial
from nelloc.exact import backends
from nelloc.exact.callbacks import Advance
from nelloc.exact.encode_tile import TileCode
from nelloc.exact.model import ExactModel
from nelloc.exact.tile_coder import tile_coder

# A piece, and the model that may code it.
Work = tuple[Piece, ExactModel | None]


@dataclass(frozen=True)
class CodedPiece:
    """A coded piece: the method that made it smallest, and its bytes."""

    method: Method
    code: TileCode


# The number of a piece, and one of its trials.
_Place = tuple[int, Trial]
# Bytes of the checksum of a small file whose method has none.
_CHECKSUM = 2


def encode_pieces(
    work: Sequence[Work], advance: Advance, *, backend: str | None, measure: bool = False
) -> list[CodedPiece]:
    """Code pieces in all ways of their trials, and keep the smallest result of each."""
    of_past: list[_Place] = []
    modelled: list[_Place] = []
    plain: list[_Place] = []
    for number, (piece, _) in enumerate(work):
        for trial in piece.trials:
            kind = modelled if trial.method.needs_model else plain
            (of_past if isinstance(trial.setting, past_pixels.Made) else kind).append((number, trial))
    found = _encode_of_past(work, of_past, advance, backend=backend, measure=measure)
    encode_modelled = partial(_encode_modelled, work, advance=advance, backend=backend, measure=measure)
    encode_plain = partial(_encode_plain, work, advance=advance, backend=backend, measure=measure)
    for encode, places in ((encode_modelled, modelled), (encode_plain, plain)):
        found |= encode([(number, trial) for number, trial in places if trial.least == 0])
    for encode, places in ((encode_modelled, modelled), (encode_plain, plain)):
        later = [(number, trial) for number, trial in places if trial.least != 0]
        found |= encode(_promising(work, later, found, advance))
    results = []
    for number, (piece, _) in enumerate(work):
        costs = {
            trial: len(found[number, trial].data) + _CHECKSUM * (piece.alone and not trial.method.checks_pixels)
            for trial in piece.trials
            if (number, trial) in found
        }
        best = min(costs, key=costs.__getitem__)
        results.append(CodedPiece(best.method, found[number, best]))
    return results


def _promising(
    work: Sequence[Work], places: Sequence[_Place], found: Mapping[_Place, TileCode], advance: Advance
) -> list[_Place]:
    """Leave out the trials of pieces of which another has made a smaller record than is to be expected."""
    sizes: dict[int, int] = {}  # of the smallest record of each piece
    for (number, _), code in found.items():
        sizes[number] = min(len(code.data), sizes.get(number, len(code.data)))
    promising = []
    for number, trial in places:
        samples = work[number][0].samples
        least = trial.least
        if least is None and number in sizes:
            assert isinstance(trial.setting, Filter)
            least = fewest_bytes(samples, trial.setting)
        if least is None or least <= sizes.get(number, least):
            promising.append((number, trial))
        else:
            advance(samples[0].size)
    return promising


def _encode_of_past(
    work: Sequence[Work], places: Sequence[_Place], advance: Advance, *, backend: str | None, measure: bool
) -> dict[_Place, TileCode]:
    """Code pieces of ``work`` as what a JPEG gets wrong of them."""
    found = {}
    for number, trial in places:
        assert isinstance(trial.setting, past_pixels.Made)
        samples, core = work[number][0].samples, backend in (None, backends.NATIVE)
        data = past_pixels.encode_corrections(samples, trial.setting.pixels, core=core)
        found[number, trial] = TileCode(data, 8.0 * len(data) if measure else None)
        advance(samples[0].size)
    return found


def _encode_modelled(
    work: Sequence[Work], places: Sequence[_Place], advance: Advance, *, backend: str | None, measure: bool
) -> dict[_Place, TileCode]:
    """Code pieces of ``work`` with their models, those of one model that are coded alike together."""
    groups: dict[tuple[bytes, int, int, Trial], list[_Place]] = {}
    for number, trial in places:
        piece, model = work[number]
        assert model is not None, "only images with colour are coded with a model"
        groups.setdefault((model.sha256, piece.bits, len(piece.samples), trial), []).append((number, trial))
    found: dict[_Place, TileCode] = {}
    for (_, bits, _, trial), members in groups.items():
        model = work[members[0][0]][1]
        assert model is not None
        own = trial.setting if isinstance(trial.setting, OnLattice) else None
        method, rule, head = (trial.method, None, b"") if own is None else (own.below, own.rule, own.byte)
        coder = tile_coder(model, bits, learns=LAYERS[method], rule=rule, backend=backend)
        coded = coder.encode([work[number][0].samples for number, _ in members], advance, measure=measure)
        found |= zip(members, (replace(code, data=head + code.data) for code in coded), strict=True)
    return found


def _encode_plain(
    work: Sequence[Work], places: Sequence[_Place], advance: Advance, *, backend: str | None, measure: bool
) -> dict[_Place, TileCode]:
    """Code pieces of ``work`` in ways that need no model."""
    tiles: list[Any] = [(trial.method, work[n][0].samples, work[n][0].bits, trial.setting) for n, trial in places]
    coded = plain_tiles.encode_many(tiles, advance, core=backend in (None, backends.NATIVE))
    codes = (TileCode(data, 8.0 * len(data) if measure else None) for data in coded)
    return dict(zip(places, codes, strict=True))
