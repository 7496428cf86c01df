"""Telling images out of distribution by likelihood (thesis section 5.3)."""
