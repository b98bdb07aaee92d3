"""The checkpoint behind a component: found, read and written when it is needed, not before."""

from __future__ import annotations

import io
import logging
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Generic, TypeVar

from pageloom.errors import CheckpointError
from pageloom.models.hub import resolve
from pageloom.models.pretrained import PretrainedModel
from pageloom.processing import LayoutLMv2ImageProcessor, LayoutLMv2Tokenizer

__all__ = ["Checkpoint", "folder_from_bytes", "folder_to_bytes"]

logger = logging.getLogger(__name__)

ModelT = TypeVar("ModelT", bound=PretrainedModel[Any])


class Checkpoint(Generic[ModelT]):
    """A model, its tokenizer and its image processor, from one folder or hub id.

    Nothing is read before it is used: spaCy makes a component before it calls `from_disk`, on
    machines where the name in the config may mean nothing.

    Args:
        model_class: the head that the component needs.
        model: a folder, packaged name or hub id.
        revision: on the hub.
        component: for messages.
    """

    def __init__(
        self, model_class: type[ModelT], model: str, revision: str | None, component: str
    ) -> None:
        self.model_class = model_class
        self.name = model
        self.revision = revision
        self.component = component
        self._folder: Path | None = None
        self._model: ModelT | None = None
        self._tokenizer: LayoutLMv2Tokenizer | None = None
        self._image_processor: LayoutLMv2ImageProcessor | None = None

    @property
    def folder(self) -> Path:
        """Where the files are. Raises `CheckpointError`."""
        if self._folder is None:
            self._folder = resolve(self.name, self.revision)
        return self._folder

    @property
    def model(self) -> ModelT:
        """The model as the checkpoint has it, in its own number type. Raises `CheckpointError`."""
        if self._model is None:
            self._check_architecture()
            self._model = self.model_class.from_pretrained(self.folder)
        return self._model

    @property
    def tokenizer(self) -> LayoutLMv2Tokenizer:
        """The tokenizer beside the model. Raises `CheckpointError`."""
        if self._tokenizer is None:
            self._tokenizer = LayoutLMv2Tokenizer.from_pretrained(self.folder)
        return self._tokenizer

    @property
    def image_processor(self) -> LayoutLMv2ImageProcessor:
        """The image processor beside the model, or one with the default settings."""
        if self._image_processor is None:
            if (self.folder / "preprocessor_config.json").is_file():
                processor = LayoutLMv2ImageProcessor.from_pretrained(self.folder)
            else:
                processor = LayoutLMv2ImageProcessor()
            self._image_processor = processor
        return self._image_processor

    def _check_architecture(self) -> None:
        config = self.model_class.config_class.from_file(self.folder / "config.json")
        found = (config.architectures or [self.model_class.__name__])[0]
        if found != self.model_class.__name__:
            raise CheckpointError(
                f"{self.name} is a {_spoken(found)}; {self.component} needs a "
                f"{_spoken(self.model_class.__name__)}"
            )

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and image processor, as the public library reads them too."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)

    def load(self, folder: Path) -> None:
        """From now on, use what `save` wrote into `folder`. Raises `CheckpointError`."""
        if not (folder / "config.json").is_file():
            raise CheckpointError(f"{folder}: there is no config.json of a model here")
        self._model = self._tokenizer = self._image_processor = None
        self._folder, self.name = folder, str(folder)


def _spoken(class_name: str) -> str:
    """`LayoutLMv2ForTokenClassification` -> `LayoutLMv2 token classification model`."""
    family, _, task = class_name.partition("For")
    if not task:
        return f"{family.removesuffix('Model')} model without a head"
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in task)
    return f"{family}{words} model"


def folder_to_bytes(write: Any) -> bytes:
    """What `write(folder)` puts into a folder, as one string of bytes."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(buffer, "w") as archive:
        folder = Path(name)
        write(folder)
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return buffer.getvalue()


def folder_from_bytes(data: bytes, folder: Path) -> None:
    """Put back into `folder` what `folder_to_bytes` read."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
