"""A model prepared to code pixels, for the encoder and every decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from nelloc.exact.backends.interface import Evaluator
from nelloc.exact.context import Normaliser, window
from nelloc.exact.lattice import Keeper, Lattice, NoKeeper, Rule, lattice_of
from nelloc.exact.learning import LastLayer, Learner, NoLearner, most_tiles
from nelloc.exact.mixture import Mixture
from nelloc.exact.model import ExactModel
from nelloc.exact.seen_colours import SeenColours
from nelloc.exact.two_layers import TwoLayers, without_last
from nelloc.exact.wide_samples import DeepMixture, DeepNormaliser

# Most tiles at once whose lattice is what they have seen: tables of theirs alone.
MOST_SEEN = 64


@dataclass(frozen=True)
class Engine:
    """A prepared model: the parts that coding a step needs."""

    normaliser: Normaliser
    evaluate: Evaluator
    mixture: Mixture
    learner: Callable[[int], Learner] = field(default=lambda tiles: NoLearner())
    most_tiles: int | None = None
    lattice: Lattice | SeenColours | None = None

    @classmethod
    def of(
        cls, model: ExactModel, evaluator: Evaluator, bits: int = 8, *, learns: int = 0, rule: Rule | None = None
    ) -> Engine:
        """The engine of ``model`` on a prepared backend, for samples of ``bits`` bits.

        ``learns`` is the number of layers that learn, 0 to 2, from samples of 8 bits only: ``learner`` makes the
        learner of a number of tiles, at most ``most_tiles``. Where two do, the evaluator is that of ``evaluated``. With
        a ``rule``, tiles of three planes are coded on its ``lattice``.
        """
        if bits > 8:
            return cls(DeepNormaliser(model, bits), evaluator, DeepMixture(model, bits))
        normaliser = Normaliser(model.horizon, model.context, model.channels, model.inputs, model.borders)
        lattice = None if rule is None else lattice_of(rule)
        if learns:
            learner = partial(TwoLayers if learns > 1 else LastLayer, model)
            return cls(normaliser, evaluator, Mixture(model), learner, most_tiles(model, learns), lattice)
        most = MOST_SEEN if rule is Rule.SEEN else None
        return cls(normaliser, evaluator, Mixture(model), most_tiles=most, lattice=lattice)

    @staticmethod
    def evaluated(model: ExactModel, learns: int) -> ExactModel:
        """The model that a backend evaluates, where ``learns`` layers learn."""
        return without_last(model) if learns > 1 else model

    def keeper(self, tiles: int) -> Keeper:
        """Make the keeper of the lattice of ``tiles`` tiles; one that does nothing without a lattice."""
        if self.lattice is None:
            return NoKeeper()
        offsets = window(self.horizon)
        return Keeper(self.lattice, offsets.index((0, -1)), offsets.index((-1, 0)), tiles)

    @property
    def first_pixel(self) -> int:
        """The value of every neighbour of a tile's first pixel, which has none: the middle of the range."""
        return self.normaliser.first_pixel

    @property
    def horizon(self) -> int:
        """Horizon of the causal window, in pixels."""
        return self.normaliser.horizon

    @property
    def channels(self) -> int:
        """Channels of the model's contexts; a gray tile is one of equal channels."""
        return self.normaliser.channels
