"""A page that shows what was found in documents.

The room is not called after its function: `pageloom.render` is the function, and a module of that
name would take its place.
"""

from pageloom.report.html import render

__all__ = ["render"]
