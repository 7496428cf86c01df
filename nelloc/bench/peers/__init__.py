"""Other lossless codecs, one file each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nelloc.bench.interface import Peer
from nelloc.bench.peers.avif import AvifOfImagecodecs, AvifOfPillow
from nelloc.bench.peers.flif import Flif
from nelloc.bench.peers.jpeg2000 import Jpeg2000
from nelloc.bench.peers.jpegls import JpegLsOfImagecodecs, JpegLsOfPillow
from nelloc.bench.peers.jpegxl import JpegXlOfPillow, JpegXlTools
from nelloc.bench.peers.optipng import OptiPng
from nelloc.bench.peers.oxipng import OxiPng
from nelloc.bench.peers.paq8px import Paq8px
from nelloc.bench.peers.png import Png
from nelloc.bench.peers.qoi import QoiOfImagecodecs, QoiPackage
from nelloc.bench.peers.webp import WebP
from nelloc.bench.peers.zopflipng import ZopfliPng
from nelloc.errors import NellocError, install_advice
from nelloc.extras import NOT_INSTALLED

# If several classes have one name, the first available one is used.
PEERS: tuple[type[Peer], ...] = (
    Png,
    OxiPng,
    OptiPng,
    ZopfliPng,
    WebP,
    Jpeg2000,
    AvifOfImagecodecs,
    AvifOfPillow,
    JpegXlOfPillow,
    JpegXlTools,
    JpegLsOfImagecodecs,
    JpegLsOfPillow,
    QoiOfImagecodecs,
    QoiPackage,
    Flif,
    Paq8px,
)


@dataclass(frozen=True)
class Missing:
    """Peer that is not available on this machine, and the reason."""

    name: str
    reason: str


def names() -> tuple[str, ...]:
    """Names that ``find`` accepts."""
    return tuple(dict.fromkeys(peer.name for peer in PEERS))


def find(wanted: str, threads: int = 1) -> list[Peer] | Missing:
    """Peers for "NAME", at its usual efforts, or "NAME:EFFORT". Raises NellocError for an unknown peer or effort."""
    name, _, effort = wanted.partition(":")
    candidates = [peer for peer in PEERS if peer.name == name]
    if not candidates:
        raise NellocError(f"peer {name}: unknown; choose from {', '.join(names())}")
    reasons = [peer.missing() for peer in candidates]
    if None not in reasons:
        told = "; ".join(str(reason) for reason in reasons)
        return Missing(name, f"{told}; {install_advice('bench')}" if NOT_INSTALLED in told else told)
    chosen = candidates[reasons.index(None)]
    if not effort:
        return [chosen(usual, threads) for usual in chosen.usual]
    if not effort.isascii() or not effort.isdigit() or int(effort) not in chosen.efforts:
        if len(chosen.efforts) == 1:
            raise NellocError(f"peer {wanted}: {name} has no efforts; use --peer {name}")
        raise NellocError(f"peer {wanted}: choose an effort of {chosen.efforts[0]} to {chosen.efforts[-1]}")
    return [chosen(int(effort), threads)]


def find_all(threads: int = 1) -> Iterator[list[Peer] | Missing]:
    """Every peer at its usual efforts, or as missing, but for those that are measured on request only."""
    for name in names():
        if not any(peer.on_request for peer in PEERS if peer.name == name):
            yield find(name, threads)
