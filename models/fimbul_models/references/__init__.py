"""Indexes of published code, by which the server knows where a suggestion stands already."""
