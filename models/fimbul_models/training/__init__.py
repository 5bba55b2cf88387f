"""Teaches models to fill in the middle, adapts them to private code, and writes what they learnt."""
