"""Reading and writing the small JSON files that lie beside a checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pageloom.errors import CheckpointError

__all__ = ["locate", "read_json", "write_json", "write_text"]


def locate(path_or_id: str | Path, revision: str | None, files: Sequence[str]) -> Path:
    """The folder behind a folder, packaged name or hub id; of a hub id only `files` are fetched."""
    folder = Path(path_or_id)
    if folder.is_dir():
        return folder
    from pageloom.models.hub import resolve

    return resolve(path_or_id, revision, files)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, empty where there is no such file. Raises `CheckpointError`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a JSON object")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path`, keys sorted, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
