"""Seeing documents: their view as JSON, the front end, and the server of `pageloom view`."""

from pathlib import Path

from pageloom.viewer.view import View, document_view, summary

__all__ = ["STATIC", "View", "document_view", "summary"]

STATIC = Path(__file__).parent / "static"
"""The front end's files: `index.html` and what it asks for beside itself."""
