"""Checking the settings of components before anything runs."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Any, NamedTuple, get_type_hints

from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

from pageloom_provider.spec import Component

__all__ = ["SettingProblem", "check_components"]

# Settings whose value names a checkpoint.
_CHECKPOINTS = ("model", "tokenizer")


class SettingProblem(NamedTuple):
    """What is wrong with a component; `setting` is None where it is the component as a whole."""

    component: str
    setting: str | None
    message: str


def check_components(
    components: Sequence[Component], language: str = "en", *, models: bool = True
) -> list[SettingProblem]:
    """What spaCy would refuse of these components, and the models that cannot be found here.

    No model is loaded. A value with a template is taken for right, since only a run knows it. With
    `models` a hub id is looked up, and downloaded where it is not in the cache; folders need to be
    on this machine.
    """
    import spacy
    from spacy.util import registry

    import pageloom  # noqa: F401  (registers the extensions)

    try:
        nlp = spacy.blank(language)
    except ImportError:
        return [SettingProblem("", "language", f"spaCy has no language {language!r}")]
    problems: list[SettingProblem] = []
    for component in components:
        if "{{" in component.factory:
            continue
        if not nlp.has_factory(component.factory):
            names = sorted(name for name in registry.factories.get_all() if "." not in name)
            message = (
                f'there is no component "{component.factory}".{_hint(component.factory, names)}'
            )
            problems.append(SettingProblem(component.name, None, message))
            continue
        defaults = nlp.get_factory_meta(component.factory).default_config or {}
        parameters = _parameters(registry.factories.get(component.factory))
        problems += _check_values(component, parameters)
        problems += [
            SettingProblem(component.name, None, f"{component.factory} must be given a {name}")
            for name in parameters
            if name not in defaults and name not in component.settings
        ]
        if models:
            problems += _check_models(component, defaults)
    return problems


def _parameters(factory: Any) -> dict[str, Any]:
    """The settings that a factory takes, with their types; Any where it declares none."""
    function = inspect.unwrap(factory)
    try:
        hints = get_type_hints(function)
    except NameError:  # a result, say, that is imported for type checkers only
        hints = {name: _evaluated(text) for name, text in function.__annotations__.items()}
    return {
        name: hints.get(name, Any)
        for name in inspect.signature(function).parameters
        if name not in ("nlp", "name")
    }


def _evaluated(annotation: Any) -> Any:
    """A type from its text, where it is made of Python's own."""
    plain = {"str": str, "int": int, "float": float, "bool": bool, "None": None}
    if not isinstance(annotation, str):
        return annotation
    kinds: list[Any] = []
    for text in annotation.split(" | "):
        item = text.removeprefix("list[").removesuffix("]")
        if item not in plain:
            return Any
        kinds.append(GenericAlias(list, plain[item]) if text != item else plain[item])
    return reduce(or_, kinds)


def _check_values(component: Component, parameters: Mapping[str, Any]) -> list[SettingProblem]:
    problems = []
    for name, value in component.settings.items():
        if name not in parameters:
            hint = _hint(name, sorted(parameters))
            message = f'{component.factory} has no setting "{name}".{hint}'
            problems.append(SettingProblem(component.name, name, message))
        elif not _only_known_later(value):
            try:
                TypeAdapter(parameters[name]).validate_python(value, strict=True)
            except PydanticSchemaGenerationError:  # a class of its own, such as a thinc model
                continue
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                message = f"{component.name}.{name}: {reason}, not {value!r}"
                problems.append(SettingProblem(component.name, name, message))
    return problems


def _only_known_later(value: Any) -> bool:
    """A template, or a block such as {"@architectures": ...} that spaCy resolves."""
    if isinstance(value, dict):
        return any(str(key).startswith("@") for key in value)
    return isinstance(value, str) and "{{" in value


def _check_models(component: Component, defaults: Mapping[str, Any]) -> list[SettingProblem]:
    from pageloom import CheckpointError
    from pageloom.models.hub import resolve

    problems = []
    settings = {**defaults, **component.settings}
    for name in _CHECKPOINTS:
        value = settings.get(name)
        if not isinstance(value, str) or "{{" in value:
            continue
        try:
            resolve(value, settings.get("revision"))
        except CheckpointError as error:
            problems.append(SettingProblem(component.name, name, str(error)))
    return problems


def _hint(wrong: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1)
    return f' Did you mean "{close[0]}"?' if close else f" There are: {', '.join(known)}."
