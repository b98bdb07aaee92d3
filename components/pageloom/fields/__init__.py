"""Fields: what their text means, whether they agree, and how sure one may be of them."""

from pageloom.fields.calibration import Calibration, Graded
from pageloom.fields.completing import complete, grade
from pageloom.fields.values import FieldValues, Hints, Value, normalise

__all__ = [
    "Calibration",
    "FieldValues",
    "Graded",
    "Hints",
    "Value",
    "complete",
    "grade",
    "normalise",
]
