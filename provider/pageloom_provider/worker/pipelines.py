"""Pipelines: from an operator's settings to a spaCy `Language`, and to a hash of what it is."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from pageloom_provider import shards
from pageloom_provider.spec import Pipeline, Step
from pageloom_provider.storage import local_path, location

if TYPE_CHECKING:
    from spacy.language import Language

    from pageloom import DocumentReader

__all__ = [
    "build",
    "components_line",
    "describe",
    "devices_asked",
    "devices_used",
    "reader_of",
    "step_of",
]

# Settings that change how fast a result comes and not the result.
EXECUTION_ONLY = frozenset({"device", "workers", "batch_tokens"})
# Settings that name a checkpoint or a tokenizer, so that its content belongs to the settings.
CHECKPOINTS = ("model", "tokenizer")


def describe(pipeline: Pipeline) -> Step:
    """What a pipeline is: its components, the models they name, and the hash of all that.

    A local or packaged checkpoint counts by its files' content, a hub id by its revision.
    """
    import pageloom

    models: dict[str, str] = {}
    if pipeline.config is not None:
        models["config"] = shards.files_hash(local_path(location(pipeline.config)))
    for component in pipeline.components:
        settings = {**_factory_defaults(component.factory), **component.settings}
        for key in CHECKPOINTS:
            if isinstance(settings.get(key), str):
                named = settings[key]
                version = _checkpoint_version(named, settings.get("revision"))
                models[f"{component.name}.{key}"] = f"{named}@{version}"
    return step_of(pipeline, models, pageloom.__version__)


def step_of(pipeline: Pipeline, models: dict[str, str], pageloom: str) -> Step:
    """The step of a pipeline that runs with these checkpoints and this version of pageloom."""
    components = [component.model_dump() for component in pipeline.components]
    for component in components:
        component["settings"] = {
            key: value for key, value in component["settings"].items() if key not in EXECUTION_ONLY
        }
    reader = {key: value for key, value in pipeline.reader.items() if key != "password"}
    described = {
        "components": components,
        "models": models,
        "overrides": pipeline.overrides,
        "language": pipeline.language,
        "reader": reader,
        "pageloom": pageloom,
    }
    return Step.model_validate(
        {
            "settings": shards.text_hash(json.dumps(described, sort_keys=True, default=str)),
            "components": tuple(components),
            "models": models,
            "pageloom": pageloom,
        }
    )


def build(pipeline: Pipeline, device: str | None = None) -> Language:
    """The spaCy pipeline of a config file, of an assembled folder, or of a list of components.

    `device` goes to the listed components that have that setting and were not given one.
    """
    import spacy
    from spacy.util import load_config, load_model_from_config

    import pageloom  # noqa: F401  (registers the extensions)

    if pipeline.config is None:
        nlp = spacy.blank(pipeline.language)
        for component in pipeline.components:
            settings = component.settings
            if device and "device" in _factory_defaults(component.factory):
                settings = {"device": device, **settings}
            nlp.add_pipe(component.factory, name=component.name, config=settings)
        return nlp
    path = local_path(location(pipeline.config))
    if path.is_dir():
        return spacy.load(path, config=pipeline.overrides)
    if not path.is_file():
        raise ValueError(
            f"{pipeline.config}: there is no such config file or pipeline folder on this worker"
        )
    nlp = load_model_from_config(load_config(path, overrides=pipeline.overrides), auto_fill=True)
    # As `spacy assemble` does: [initialize] may hold data, such as an entity ruler's patterns.
    nlp.initialize()
    return nlp


def reader_of(nlp: Language, pipeline: Pipeline) -> DocumentReader:
    """The pipeline's own reader where it has one, else one with the given settings."""
    from pageloom import DocumentReader

    if isinstance(nlp.tokenizer, DocumentReader):
        return nlp.tokenizer
    return DocumentReader(nlp.vocab, **pipeline.reader)


def devices_asked(pipeline: Pipeline, device: str | None = None) -> set[str]:
    """The devices that a pipeline's components name, such as {"auto", "cuda:1"}.

    `device` counts as in `build`. Nothing is loaded for it, so that CUDA has not been used yet.
    """
    from spacy.util import load_config

    if pipeline.config is None:
        given = [
            component.settings.get("device") or device or default
            for component in pipeline.components
            if (default := _factory_defaults(component.factory).get("device"))
        ]
        return {str(each) for each in given}
    path = local_path(location(pipeline.config))
    file = path / "config.cfg" if path.is_dir() else path
    if not file.is_file():
        return set()  # `build` says so
    components = load_config(file, overrides=pipeline.overrides).get("components", {})
    named = [
        found.get("device") or _factory_defaults(str(found.get("factory"))).get("device")
        for found in components.values()
    ]
    return {str(device) for device in named if device}


def devices_used(nlp: Language) -> dict[str, str]:
    """Device and number type of each component that runs a model: "cpu float32"."""
    used: dict[str, str] = {}
    for name, component in nlp.pipeline:
        if hasattr(component, "device") and hasattr(component, "dtype"):
            from pageloom.inference.device import resolve_device, resolve_dtype

            device = resolve_device(component.device)
            dtype = str(resolve_dtype(component.dtype, device)).removeprefix("torch.")
            used[name] = f"{device} {dtype}"
    return used


def components_line(nlp: Language) -> str:
    """The components' names, with device and number type where a model runs."""
    used = devices_used(nlp)
    described = [f"{name} ({used[name]})" if name in used else name for name in nlp.pipe_names]
    return ", ".join(described) or "no components"


def _factory_defaults(factory: str) -> dict[str, Any]:
    from spacy.language import Language

    _register_factories()
    if not Language.has_factory(factory):
        return {}
    return dict(Language.get_factory_meta(factory).default_config or {})


@cache
def _register_factories() -> None:
    """Let spaCy find the components of installed packages, which it does for the first pipeline."""
    import spacy

    spacy.blank("xx")


def _checkpoint_version(name: str, revision: str | None) -> str:
    from pageloom.models.hub import resolve

    if revision is not None:
        return revision
    return shards.files_hash(resolve(name))[:12]
