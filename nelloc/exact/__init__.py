"""Tiles to streams of digits and back, in integers alone: models, contexts, mixture, entropy coder, backends."""
