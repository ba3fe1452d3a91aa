"""Comparisons, image sheets and animations of finished runs, and a check of the machine."""
