"""Teaches models to fill in the middle, adapts them to private code, writes what they learnt."""
