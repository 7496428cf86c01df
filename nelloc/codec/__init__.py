"""Files of tiles: encoding, decoding, the container, and the search for the smallest file."""
