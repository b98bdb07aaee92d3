"""The extensions of `Doc`, `Token` and `Span`."""

__all__ = ["register"]


def register() -> None:
    """Register the extensions; calling it again changes nothing."""
