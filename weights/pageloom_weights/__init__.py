"""Small trained models for pageloom: one folder a model, each a hub checkpoint with its card."""

from pathlib import Path

__all__ = ["names", "path"]

_ROOT = Path(__file__).parent


def names() -> list[str]:
    """The names of the packaged models, without the `pageloom/` prefix."""
    return sorted(folder.name for folder in _ROOT.iterdir() if (folder / "config.json").is_file())


def path(name: str) -> Path:
    """The folder of one packaged model.

    Raises `KeyError` for a name that is not packaged; the message lists those that are.
    """
    folder = _ROOT / name
    if name not in names():
        raise KeyError(f"no packaged model {name!r}; there are: {', '.join(names()) or 'none'}")
    return folder
