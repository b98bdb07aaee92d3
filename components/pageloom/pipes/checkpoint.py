"""The checkpoint behind a component: found, read and written when it is needed, not before."""

from __future__ import annotations

import io
import json
import logging
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from pageloom.errors import CheckpointError
from pageloom.fields.calibration import FILE as CALIBRATION_FILE
from pageloom.fields.calibration import Calibration
from pageloom.models import LayoutLMv2Config
from pageloom.models.checkpoint import has_tensors
from pageloom.models.config import ModelConfig
from pageloom.models.hub import PACKAGED_PREFIX, resolve
from pageloom.models.pretrained import PretrainedModel
from pageloom.processing import BoxTokenizer, LayoutLMv2ImageProcessor, load_tokenizer

__all__ = ["Checkpoint", "folder_from_bytes", "folder_to_bytes"]

logger = logging.getLogger(__name__)

ModelT = TypeVar("ModelT", bound=PretrainedModel[Any])


class Checkpoint(Generic[ModelT]):
    """A model, its tokenizer and, where it sees pages, its image processor.

    Nothing is read before it is used: spaCy makes a component before it calls `from_disk`, on
    machines where the name in the config may mean nothing.

    Args:
        heads: the head that the component needs; or several, of which the checkpoint's config
            chooses one.
        model: a folder, packaged name or hub id.
        revision: on the hub.
        component: for messages.
    """

    def __init__(
        self,
        heads: type[ModelT] | tuple[type[ModelT], ...],
        model: str,
        revision: str | None,
        component: str,
    ) -> None:
        self.heads = heads if isinstance(heads, tuple) else (heads,)
        self.name = model
        self.revision = revision
        self.component = component
        self._forget()

    def _forget(self) -> None:
        self._folder: Path | None = None
        self._model_class: type[ModelT] | None = None
        self._config: ModelConfig | None = None
        self._model: ModelT | None = None
        self._tokenizer: BoxTokenizer | None = None
        self._image_processor: LayoutLMv2ImageProcessor | None = None
        self._calibration: Calibration | None = None
        self._calibration_read = False
        self._any_head = False

    @property
    def folder(self) -> Path:
        """Where the files are. Raises `CheckpointError`."""
        if self._folder is None:
            self._folder = resolve(self.name, self.revision)
        return self._folder

    @property
    def is_here(self) -> bool:
        """Whether the files can be read without asking a hub."""
        if self._folder is not None or Path(self.name).is_dir():
            return True
        try:
            return self.name.startswith(PACKAGED_PREFIX) and self.folder.is_dir()
        except CheckpointError:
            return False

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that the config names; empty as long as the model is not here."""
        if not self.is_here:
            return ()
        try:
            names = self.config.id2label
        except CheckpointError:
            return ()
        return tuple(names[index] for index in range(len(names)))

    @property
    def has_weights(self) -> bool:
        """Whether the folder has more than a config and a tokenizer. Raises `CheckpointError`."""
        return has_tensors(self.folder)

    @property
    def model_class(self) -> type[ModelT]:
        """The head that the checkpoint's config names. Raises `CheckpointError`."""
        if self._model_class is None:
            self._model_class = self._choose()
        return self._model_class

    def _choose(self) -> type[ModelT]:
        file = self.folder / "config.json"
        try:
            values = json.loads(file.read_text(encoding="utf8"))
        except (OSError, ValueError):
            values = None
        if not isinstance(values, dict):
            # Raises, and says what is wrong with the file.
            self.heads[0].config_class.from_file(file)
            raise CheckpointError(f"{file}: changed while it was read")
        kind, names = values.get("model_type"), values.get("architectures")
        # A checkpoint that names several heads has the weights of each.
        named = [str(name) for name in names] if isinstance(names, list) else []
        for head in self.heads:
            known = (head.config_class.model_type, *head.config_class.also_reads)
            any_head = not named or self._any_head or head.__name__ in named
            if (kind is None or kind in known) and any_head:
                return head
        found = _spoken(named[0]) if named else f"model of the type {kind!r}"
        raise CheckpointError(
            f"{self.name} is a {found}; {self.component} needs a {_any_of(self.heads)}"
        )

    @property
    def sees_pages(self) -> bool:
        """Whether the model takes the pages' pictures. Raises `CheckpointError`."""
        return issubclass(self.model_class.config_class, LayoutLMv2Config)

    @property
    def config(self) -> ModelConfig:
        """The model's config; cheap where the files are here. Raises `CheckpointError`."""
        if self._config is None:
            self._config = self.model_class.config_class.from_file(self.folder / "config.json")
        return self._config

    @property
    def model(self) -> ModelT:
        """The model as the checkpoint has it, in its own number type. Raises `CheckpointError`."""
        if self._model is None:
            self._model = self.model_class.from_pretrained(self.folder, config=self.config)
        return self._model

    @property
    def tokenizer(self) -> BoxTokenizer:
        """The tokenizer beside the model. Raises `CheckpointError`."""
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self.folder)
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

    def relabel(self, labels: Sequence[str]) -> None:
        """Give the model these labels, in this order, to be trained. Raises `CheckpointError`.

        Any checkpoint of the architecture will do, with another head or none. What its head knows
        of labels that it had already stays; the others start anew. A folder of a config and a
        tokenizer alone, without weights, makes a model that starts from nothing.
        """
        self._any_head = True
        before = self.config
        changes = {
            "id2label": dict(enumerate(labels)),
            "label2id": {name: number for number, name in enumerate(labels)},
        }
        config = type(before)(**{**before.model_dump(), **changes})
        if self.has_weights:
            model = self.model_class.from_pretrained(
                self.folder, config=config, ignore_mismatched_sizes=True
            )
            self._keep_rows(model, before.id2label, labels)
        else:
            model = self.model_class(config).initialise_all()
        self._model, self._config = model, config

    def set_problem(self, problem: str) -> None:
        """Make a sequence classifier one of this `problem_type`. Raises `CheckpointError`."""
        self.config.problem_type = problem  # type: ignore[assignment]
        if self._model is not None:
            self._model.config.problem_type = problem

    def _keep_rows(
        self, model: PretrainedModel[Any], before: dict[int, str], labels: Sequence[str]
    ) -> None:
        """In the head of `model`, the rows of labels that the checkpoint has, and no others."""
        number = {name: row for row, name in before.items()}
        if list(labels) == [before[row] for row in range(len(before))]:
            return
        old = self.model_class.from_pretrained(self.folder, config=self.config).state_dict()
        with torch.no_grad():
            for name, rows in model.state_dict().items():
                was = old[name]
                if name.startswith(model.base_prefix) or was.shape[0] != len(before):
                    continue
                if rows.shape[0] != len(labels) or rows.shape[1:] != was.shape[1:]:
                    continue
                rows.normal_(0.0, 0.02) if rows.ndim > 1 else rows.zero_()
                for row, label in enumerate(labels):
                    if label in number:
                        rows[row] = was[number[label]]

    @property
    def calibration(self) -> Calibration | None:
        """What the model's scores are worth; None where nobody measured. Raises `CheckpointError`.

        Set it to None when the model is trained on: its scores are other ones then.
        """
        if not self._calibration_read:
            self._calibration, self._calibration_read = Calibration.load(self.folder), True
        return self._calibration

    @calibration.setter
    def calibration(self, calibration: Calibration | None) -> None:
        self._calibration, self._calibration_read = calibration, True

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and image processor, as the public library reads them too."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        if self.sees_pages:
            self.image_processor.save_pretrained(folder)
        if self.calibration is not None:
            self.calibration.save(folder)
        else:
            (folder / CALIBRATION_FILE).unlink(missing_ok=True)

    def load(self, folder: Path) -> None:
        """From now on, use what `save` wrote into `folder`. Raises `CheckpointError`."""
        if not (folder / "config.json").is_file():
            raise CheckpointError(f"{folder}: there is no config.json of a model here")
        self._forget()
        self._folder, self.name = folder, str(folder)

    def to_bytes(self) -> bytes:
        """All files that `save` writes. Raises `CheckpointError`."""
        return folder_to_bytes(self.save)

    def from_bytes(self, data: bytes) -> None:
        """From now on, use what `to_bytes` gave. Raises `CheckpointError`."""
        with tempfile.TemporaryDirectory(prefix="pageloom-", ignore_cleanup_errors=True) as name:
            folder_from_bytes(data, Path(name))
            self.load(Path(name))
            # All is read while the folder is there; what is mapped from its files stays mapped.
            _ = self.model, self.tokenizer, self.sees_pages and self.image_processor
            _ = self.calibration

    def __getstate__(self) -> dict[str, Any]:
        # The files travel along: where this is unpickled, the folder may not be.
        here = {key: value for key, value in vars(self).items() if not key.startswith("_")}
        return {**here, "files": self.to_bytes() if self.is_here else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.pop("files")
        self._forget()
        vars(self).update(state)
        if files is not None:
            self.from_bytes(files)


def _spoken(class_name: str) -> str:
    """`LayoutLMv2ForTokenClassification` -> `LayoutLMv2 token classification model`."""
    family, task = _family_and_task(class_name)
    return (
        f"{family} {task} model" if task else f"{family.removesuffix('Model')} model without a head"
    )


def _any_of(heads: Sequence[type]) -> str:
    """`LayoutLMv2 or LiLT sequence classification model`."""
    families = dict.fromkeys(_family_and_task(head.__name__)[0] for head in heads)
    return f"{' or '.join(families)} {_family_and_task(heads[0].__name__)[1]} model"


def _family_and_task(class_name: str) -> tuple[str, str]:
    family, _, task = class_name.partition("For")
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in task)
    for name, spoken in (("Lilt", "LiLT"), ("Vilt", "ViLT")):
        family = family.replace(name, spoken)
    return family, words.strip()


def folder_to_bytes(write: Callable[[Path], None]) -> bytes:
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
    """Put back into `folder` what `folder_to_bytes` read. Raises `CheckpointError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise CheckpointError(f"these bytes are not a component's files ({error})") from None
