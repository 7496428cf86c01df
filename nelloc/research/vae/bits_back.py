"""Bits-back coding with ANS (Townsend, Bird and Barber 2019; thesis algorithms 1 and 2).

An image is coded by decoding latents from the stack with q(z | x), and then encoding the image with p(x | z) and the
latents with p(z). A decoder reverses this and encodes the latents with q(z | x) again, so on average an image costs its
negative ELBO. Algorithm 2 is the same with a q improved by K steps of optimal inference, which the decoder repeats once
it knows the image.

Both sides must compute the same floating-point numbers: the same model, torch, processor and number of threads. Unlike
the .nlc format this promises nothing between machines; ``archive`` detects failures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import constriction
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nelloc.errors import NellocError
from nelloc.exact.callbacks import Watch
from nelloc.research.vae.models import VAE, Posterior
from nelloc.research.vae.optimal import LEARNING_RATE, optimal_posterior

# Latents are coded in 2**LATENT_BITS bins of equal mass under the prior.
LATENT_BITS = 12
# Probabilities of the coder's tables are multiples of 2**-TABLE_BITS, and no symbol has less than one.
TABLE_BITS = 24
WORD_BITS = 32
# Seed of the known random bits. NumPy promises the bit stream of a seeded PCG64.
_SEED = 20190115
_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)
_AnsCoder = constriction.stream.stack.AnsCoder


class Stack:
    """ANS stack that refuses to pop symbols that were never pushed."""

    def __init__(self, words: NDArray[np.uint32]):
        """Start with ``words``; the last must not be zero."""
        self._coder = _AnsCoder(words)

    def push(self, symbols: NDArray[np.int32], tables: NDArray[np.float64]) -> None:
        """Encode symbols (n,) with probabilities (n, levels), so that ``pop`` with the same tables returns them."""
        self._coder.encode_reverse(symbols, _CATEGORICAL, tables)

    def pop(self, tables: NDArray[np.float64]) -> NDArray[np.int32]:
        """Decode symbols (n,) with probabilities (n, levels). Raises NellocError if the stack runs empty."""
        symbols = self._coder.decode(_CATEGORICAL, tables)
        self._check()
        return symbols

    def push_uniform(self, symbols: NDArray[np.int32], bits: int) -> None:
        """Encode symbols (n,) of ``bits`` equally likely bits."""
        self._coder.encode_reverse(symbols, _uniform(bits))

    def pop_uniform(self, count: int, bits: int) -> NDArray[np.int32]:
        """Decode symbols (count,) of ``bits`` bits. Raises NellocError if the stack runs empty."""
        symbols = self._coder.decode(_uniform(bits), count)
        self._check()
        return symbols

    def words(self) -> NDArray[np.uint32]:
        """Content of the stack as 32-bit words."""
        return self._coder.get_compressed()

    @property
    def bits(self) -> int:
        """Exact size of the content in bits."""
        return self._coder.num_valid_bits()

    def _check(self) -> None:
        # constriction reads zeros below the bottom of the stack. Its state then stays under one word.
        _, state = self._coder.pos()
        if state < 1 << WORD_BITS:
            raise NellocError("bits-back stack: ran empty; start it with more initial words")


def _uniform(bits: int) -> constriction.stream.model.Uniform:
    return constriction.stream.model.Uniform(1 << bits)


def initial_words(count: int) -> NDArray[np.uint32]:
    """First words of a stack: a fixed sequence, none of them zero, known to every decoder."""
    raw = np.random.PCG64(_SEED).random_raw(count).astype(np.uint64) >> np.uint64(32)
    return np.maximum(raw, 1).astype(np.uint32)


def enough_initial_words(vae: VAE) -> int:
    """Number of words that always suffices for the first image's latents: TABLE_BITS for each, and the state."""
    return (TABLE_BITS * vae.architecture.latent) // WORD_BITS + 4


@dataclass(frozen=True)
class BitsBackCoder:
    """Coder of images on a stack.

    ``steps`` of optimal inference improve each posterior (algorithm 2); 0 is algorithm 1. The next image takes its
    latents from the bits that this one's latents left on top. Those are as unevenly distributed as the latents of data
    under the prior, which on small sets costs several percent; so they are masked with known random bits, by the
    image's ``index`` in the sequence, at no cost since all bins have the same mass.
    """

    vae: VAE
    steps: int = 0
    learning_rate: float = LEARNING_RATE
    falling: bool = True

    def push(self, stack: Stack, image: Tensor, index: int) -> None:
        """Encode an image, uint8 (channels, rows, columns). Raises NellocError if the stack runs empty."""
        whole = image[None].float()
        bins = stack.pop(latent_tables(self._posterior(whole)))
        outputs = self._outputs(bins)
        for channel in reversed(range(self.vae.likelihood.channels)):
            table = self._table(outputs, whole, channel)
            stack.push(image[channel].flatten().numpy().astype(np.int32), table)
        stack.push_uniform(bins ^ self._mask(index), LATENT_BITS)

    def pop(self, stack: Stack, index: int) -> Tensor:
        """Decode the last image, uint8 (channels, rows, columns). Raises NellocError if the stack runs empty."""
        bins = stack.pop_uniform(self.vae.architecture.latent, LATENT_BITS) ^ self._mask(index)
        outputs = self._outputs(bins)
        whole = torch.zeros(1, self.vae.likelihood.channels, *outputs.shape[2:])
        for channel in range(self.vae.likelihood.channels):
            symbols = stack.pop(self._table(outputs, whole, channel))
            whole[0, channel] = torch.from_numpy(symbols.astype(np.float32)).reshape(whole.shape[2:])
        stack.push(bins, latent_tables(self._posterior(whole)))
        return whole[0].to(torch.uint8)

    def _mask(self, index: int) -> NDArray[np.int32]:
        raw = np.random.PCG64((_SEED, index)).random_raw(self.vae.architecture.latent)
        return (raw >> np.uint64(64 - LATENT_BITS)).astype(np.int32)

    def _posterior(self, whole: Tensor) -> Posterior:
        return optimal_posterior(self.vae, whole, self.steps, self.learning_rate, falling=self.falling)

    @torch.no_grad()
    def _outputs(self, bins: NDArray[np.int32]) -> Tensor:
        centres = torch.special.ndtri((torch.from_numpy(bins).double() + 0.5) / 2**LATENT_BITS)
        return self.vae.decoder(centres.float()[None])

    @torch.no_grad()
    def _table(self, outputs: Tensor, whole: Tensor, channel: int) -> NDArray[np.float64]:
        table = self.vae.likelihood.table(outputs, whole, channel)
        return table.reshape(-1, self.vae.likelihood.levels).numpy()


def latent_tables(posterior: Posterior) -> NDArray[np.float64]:
    """Masses of one image's posterior in the bins of the prior, float64 (latent, 2**LATENT_BITS)."""
    inner = torch.special.ndtri(torch.arange(1, 2**LATENT_BITS, dtype=torch.float64) / 2**LATENT_BITS)
    mean, deviation = posterior.mean[0].double()[:, None], posterior.deviation[0].double()[:, None]
    below = torch.special.ndtr((inner - mean) / deviation)
    zero = torch.zeros_like(mean)
    return torch.cat([below, zero + 1], 1).sub(torch.cat([zero, below], 1)).contiguous().numpy()


@dataclass(frozen=True)
class Message:
    """Coded sequence of images.

    ``words`` hold everything, including the information of the ``initial`` words that the stack started with;
    ``net_bits`` is the growth by the images.
    """

    words: NDArray[np.uint32]
    initial: int
    net_bits: int


def encode(coder: BitsBackCoder, images: Tensor, initial: int | None = None, progress: Watch = lambda: None) -> Message:
    """Encode images, uint8 (N, channels, rows, columns), chained on one stack that starts with ``initial`` words.

    By default these are as many as the model can need. The last image is coded first, so that decoding yields them in
    order. Raises NellocError if ``initial`` is too few: bits are never invented.
    """
    initial = enough_initial_words(coder.vae) if initial is None else initial
    stack = Stack(initial_words(initial))
    before = stack.bits
    with one_thread():
        for index in reversed(range(len(images))):
            coder.push(stack, images[index], index)
            progress()
    return Message(stack.words(), initial, stack.bits - before)


def decode(coder: BitsBackCoder, message: Message, count: int) -> Iterator[Tensor]:
    """Yield the images of a message, first to last.

    Raises NellocError if at the end the stack does not hold exactly its initial words.
    """
    if len(message.words) and message.words[-1] == 0:
        raise NellocError("bits-back stack: ends in a zero word; the data are damaged")
    stack = Stack(message.words)
    for index in range(count):
        with one_thread():
            image = coder.pop(stack, index)
        yield image
    left = stack.words()
    if len(left) != message.initial or not np.array_equal(left, initial_words(len(left))):
        raise NellocError("bits-back stack: does not end as it began; decode with what it was encoded with")


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one thread, so that sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
