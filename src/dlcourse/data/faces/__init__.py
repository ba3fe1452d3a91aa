"""Procedural cartoon portraits with known attributes."""

from dlcourse.data.faces.dataset import (
    ATTRIBUTE_SCALE,
    CATEGORICAL,
    CONTINUOUS,
    DETAIL,
    Faces,
    sample_attributes,
    sample_detail,
)
from dlcourse.data.faces.drawing import render

__all__ = [
    "ATTRIBUTE_SCALE",
    "CATEGORICAL",
    "CONTINUOUS",
    "DETAIL",
    "Faces",
    "render",
    "sample_attributes",
    "sample_detail",
]
