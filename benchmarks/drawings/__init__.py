"""Drawings of every kind that is commonly stored as PNG, each a function of a random generator."""
