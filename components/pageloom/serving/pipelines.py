"""The pipelines that a server holds, and finding in them what a client asks for."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from pageloom.errors import PageloomError

if TYPE_CHECKING:
    from spacy.language import Language

    from pageloom.document import DocumentReader

__all__ = ["Asked", "Pipelines", "Selection", "SelectionError", "Served", "load"]

log = logging.getLogger(__name__)

# Settings that change how fast a result comes and not the result.
_EXECUTION_ONLY = frozenset({"device", "workers", "batch_tokens"})
# Settings that name a checkpoint or a tokenizer.
_CHECKPOINTS = ("model", "tokenizer")
_READER = frozenset({"dpi", "max_pixels"})


class SelectionError(PageloomError):
    """No pipeline of this server does what was asked for; says what differs."""


class AskedComponent(BaseModel):
    """A component by name, factory and the settings that differ from the factory's own."""

    model_config = ConfigDict(extra="forbid")

    name: str
    factory: str
    settings: dict[str, Any] = {}


class Asked(BaseModel):
    """What a client wants done: a served pipeline by its name, or some components by settings.

    `reader` holds `dpi` and `max_pixels` for documents that come as bytes.
    """

    model_config = ConfigDict(extra="forbid")

    config: str | None = None
    components: list[AskedComponent] = []
    overrides: dict[str, Any] = {}
    language: str = "en"
    reader: dict[str, Any] = {}


@dataclass(frozen=True)
class Served:
    """A pipeline that is loaded.

    `content` is the hash of its files; `own` names the components with weights or other data of
    their own in its folder, which their settings do not tell.
    """

    name: str
    nlp: Language
    content: str
    own: frozenset[str]


@dataclass(frozen=True)
class Selection:
    """Components of a served pipeline, and the reader of documents that come as bytes.

    `id` is the hash of all that decides on a result. `reader` None is the pipeline's own.
    `models` are the checkpoints by component and setting, each with the version of its content.
    """

    id: str
    pipeline: str
    components: tuple[str, ...]
    reader: dict[str, int] | None
    models: dict[str, str] = field(default_factory=dict)


class Pipelines:
    """Everything a server has loaded, by name."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = {each.name: each for each in served}
        self._selections: dict[str, Selection] = {}
        self._versions: dict[tuple[str, str | None], str] = {}

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def nlp(self, selection: Selection) -> Language:
        """The pipeline of a selection."""
        return self._served[selection.pipeline].nlp

    def disabled(self, selection: Selection) -> list[str]:
        """The components of its pipeline that a selection leaves out."""
        names = self.nlp(selection).pipe_names
        return [name for name in names if name not in selection.components]

    def reader(self, selection: Selection) -> DocumentReader:
        """What opens documents for a selection."""
        from pageloom.document import DocumentReader

        nlp = self.nlp(selection)
        if selection.reader is None:
            assert isinstance(nlp.tokenizer, DocumentReader)
            return nlp.tokenizer
        options: dict[str, Any] = selection.reader
        return DocumentReader(nlp.vocab, **options)

    def devices(self, selection: Selection) -> dict[str, str]:
        """Device and number type of each component that runs a model: "cpu float32"."""
        used: dict[str, str] = {}
        for name, component in self.nlp(selection).pipeline:
            given, dtype = getattr(component, "device", None), getattr(component, "dtype", None)
            if name in selection.components and isinstance(given, str) and dtype is not None:
                from pageloom.inference.device import resolve_device, resolve_dtype

                device = resolve_device(given)
                number = str(resolve_dtype(dtype, device)).removeprefix("torch.")
                used[name] = f"{device} {number}"
        return used

    def selection(self, identity: str) -> Selection | None:
        """A selection that was asked for since the server started."""
        return self._selections.get(identity)

    def resolve(self, asked: Asked) -> Selection:
        """What does the work that is asked for.

        Raises:
            SelectionError: No pipeline here does; says what differs.
        """
        if asked.overrides:
            raise SelectionError(
                "overrides change a pipeline, and the server's is loaded: write them into its "
                "config"
            )
        unknown = sorted(asked.reader.keys() - _READER)
        if unknown:
            raise SelectionError(
                f"the reader's {', '.join(unknown)} cannot be set for the server: give its "
                "pipeline a pageloom.DocumentReader.v1 with it"
            )
        if asked.config is not None:
            found = self._by_name(asked.config, asked.reader)
        else:
            found = self._by_components(asked)
        return self._selections.setdefault(found.id, found)

    def _by_name(self, config: str, reader: Mapping[str, int]) -> Selection:
        from pageloom.document import DocumentReader

        served = self._served.get(name_of(config))
        if served is None:
            raise SelectionError(
                f"no pipeline {name_of(config)!r} is served here; there are: "
                f"{', '.join(self._served)}"
            )
        own = isinstance(served.nlp.tokenizer, DocumentReader)
        models = {"config": served.content}
        given = None if own else dict(reader)
        return _selection(served, tuple(served.nlp.pipe_names), given, models, [])

    def _by_components(self, asked: Asked) -> Selection:
        if not asked.components:
            raise SelectionError("give `config`, the name of a pipeline, or `components`")
        problems: list[str] = []
        for served in self._served.values():
            problem = _difference(served, asked)
            if problem is not None:
                problems.append(f"{served.name}: {problem}")
                continue
            models: dict[str, str] = {}
            described: list[Any] = [served.nlp.lang]
            for each in asked.components:
                settings = _settings(served.nlp, each.name)
                for key in _CHECKPOINTS:
                    if isinstance(settings.get(key), str):
                        version = self._version(settings[key], settings.get("revision"))
                        models[f"{each.name}.{key}"] = f"{settings[key]}@{version}"
                described.append([each.name, each.factory, settings])
            names = tuple(each.name for each in asked.components)
            return _selection(served, names, dict(asked.reader), models, described)
        raise SelectionError("no pipeline here has these components. " + "; ".join(problems))

    def _version(self, model: str, revision: str | None) -> str:
        from pageloom.models.hub import resolve

        if revision is not None:
            return revision
        key = (model, revision)
        if key not in self._versions:
            # Once: what is loaded stays, whatever happens to the files.
            self._versions[key] = content_hash(resolve(model))[:12]
        return self._versions[key]


def load(paths: Sequence[Path]) -> Pipelines:
    """Load pipelines: folders, or config files; models are put on their devices.

    Raises:
        PageloomError: Two have the same name, or a model cannot be found.
        ValueError: A path is no pipeline.
    """
    import spacy
    from spacy.util import load_config, load_model_from_config

    served: list[Served] = []
    for path in paths:
        name = name_of(str(path))
        if any(each.name == name for each in served):
            raise PageloomError(f"two pipelines are named {name!r}: rename a folder or a file")
        if path.is_dir():
            nlp = spacy.load(path)
        elif path.is_file():
            nlp = load_model_from_config(load_config(path), auto_fill=True)
            nlp.initialize()  # it may hold data, such as an entity ruler's patterns
        else:
            raise PageloomError(f"{path}: there is no such config file or pipeline folder")
        own = {each for each in nlp.pipe_names if path.is_dir() and any((path / each).glob("**/*"))}
        if path.is_file():
            given = (nlp.config.get("initialize") or {}).get("components") or {}
            own |= {each for each in given if given[each]}
        for component_name, component in nlp.pipeline:
            if hasattr(component, "checkpoint"):
                getattr(component, "engine")  # noqa: B009  (loads the model)
                log.info("%s: %s is loaded", name, component_name)
        served.append(Served(name, nlp, content_hash(path), frozenset(own)))
    return Pipelines(served)


def name_of(path: str) -> str:
    """`/models/invoices/` and `invoices.cfg` -> `invoices`."""
    last = path.rstrip("/").rpartition("/")[2]
    return last.removesuffix(".cfg")


def content_hash(path: Path) -> str:
    """SHA-256 over a file, or over a folder's files and their relative names, in hexadecimal.

    The provider names its shards by the same hash, so that they are the same shards.
    """
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as content:
                inner = hashlib.file_digest(content, "sha256").digest()
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + inner)
    return digest.hexdigest()


def _selection(
    served: Served,
    components: tuple[str, ...],
    reader: dict[str, int] | None,
    models: dict[str, str],
    described: list[Any],
) -> Selection:
    from pageloom import __version__

    whole = [__version__, models, described, components, reader]
    text = json.dumps(whole, sort_keys=True, default=str)
    identity = hashlib.sha256(text.encode()).hexdigest()
    return Selection(identity, served.name, components, reader, models)


def _settings(nlp: Language, name: str) -> dict[str, Any]:
    """A component's settings that decide on its results."""
    given = dict(nlp.get_pipe_config(name))
    return {key: value for key, value in given.items() if key not in {*_EXECUTION_ONLY, "factory"}}


def _difference(served: Served, asked: Asked) -> str | None:
    """Why a pipeline does not do what was asked for; None where it does."""
    nlp = served.nlp
    if nlp.lang != asked.language:
        return f"its language is {nlp.lang!r}, not {asked.language!r}"
    names = [each.name for each in asked.components]
    for each in asked.components:
        if each.name not in nlp.pipe_names:
            return f"it has no component {each.name!r}"
        factory = nlp.get_pipe_meta(each.name).factory
        if factory != each.factory:
            return f"its {each.name} is a {factory}, not a {each.factory}"
        if each.name in served.own:
            return (
                f"its {each.name} has data of its own, so it does not go by settings: give "
                f"config={served.name!r}"
            )
        defaults = dict(nlp.get_factory_meta(factory).default_config or {})
        want = {**defaults, **each.settings}
        have = _settings(nlp, each.name)
        for key in sorted({*want, *have} - _EXECUTION_ONLY):
            if want.get(key) != have.get(key):
                return f"its {each.name} has {key}={have.get(key)!r}, not {want.get(key)!r}"
    if [name for name in nlp.pipe_names if name in names] != names:
        return f"it runs them in another order: {', '.join(nlp.pipe_names)}"
    return None
