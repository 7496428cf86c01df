"""Three ways to walk one stream: sNeLLoC, pNeLLoC and ShearLoC."""

from nelloc.exact.decoders import parallel, sequential, sheared
from nelloc.exact.decoders.interface import Decoder

DEFAULT_DECODER = "sheared"
DECODERS: dict[str, Decoder] = {
    "sequential": sequential.decode,
    "parallel": parallel.decode,
    "sheared": sheared.decode,
}
