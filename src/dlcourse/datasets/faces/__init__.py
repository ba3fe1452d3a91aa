"""Procedural cartoon portraits with known attributes."""
