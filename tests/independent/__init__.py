"""A second decoder of .nlc files, written from docs/FORMAT.md and the documents of docs/methods alone.

It shares no code with nelloc and uses plain Python integers only, so it is slow, but it shows whether the
specification is complete and whether nelloc follows it. Names are those of the documents, and each module is the part
of them that its first line names. Every file that is refused raises ValueError.
"""

from independent.decoder import Image, decode

__all__ = ["Image", "decode"]
