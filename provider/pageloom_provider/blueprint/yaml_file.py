"""A deployment's YAML file: reading it, and saying on which line of it something is wrong."""

from __future__ import annotations

import difflib
import types
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from pageloom_provider.blueprint.schema import Deployment

__all__ = ["DeploymentError", "Problem", "Problems", "likely", "line_of", "parse", "read"]

# The one in C is ten times as fast; it is missing where PyYAML was built without libyaml.
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Problem(NamedTuple):
    """One thing that is wrong in a file; `line` is from 1, None where it is the file as a whole."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


Problems = list[Problem]


class DeploymentError(ValueError):
    """A YAML file is no deployment; the message holds a line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


class _UniqueKeysLoader(_Loader):  # type: ignore[misc]
    """YAML lets the last of two equal keys win; here the second is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{name}" is there twice', key.start_mark
                )
            seen.add(name)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def read(path: Path, name: str | None = None) -> tuple[str, Any]:
    """A file's text, and what its YAML says. `name` is the file's name in messages.

    Raises:
        DeploymentError: The file cannot be read, or is no YAML.
    """
    shown = name or str(path)
    try:
        text = path.read_text(encoding="utf8")
        return text, yaml.load(text, _UniqueKeysLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise DeploymentError([Problem(shown, None, f"cannot be read: {error}")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        message = f"this is no YAML: {error.problem or error.context}{_yaml_hint(error)}"
        raise DeploymentError([Problem(shown, line, message)]) from error
    except yaml.YAMLError as error:
        raise DeploymentError([Problem(shown, None, f"this is no YAML: {error}")]) from error


def parse(text: str, data: Any, name: str) -> Deployment:
    """The deployment that a file's data is.

    Raises:
        DeploymentError: Names every key that is unknown, missing or wrong, with its line.
    """
    if not isinstance(data, dict):
        found = "is empty" if data is None else f"holds a {type(data).__name__}"
        raise DeploymentError(
            [Problem(name, None, f"{found}; a deployment is a mapping with `id`, `source`, ...")]
        )
    try:
        return Deployment.model_validate(data)
    except ValidationError as error:
        root = yaml.compose(text, _Loader)
        problems = [_problem(found, root, data, name) for found in error.errors()]
        raise DeploymentError(sorted(problems, key=lambda one: one.line or 0)) from None


def line_of(text: str, location: Sequence[int | str]) -> int | None:
    """The line, from 1, of what lies at a location such as ("steps", 0, "queue")."""
    return _line(yaml.compose(text, _Loader), location)


def likely(wrong: str, known: Sequence[str]) -> str:
    """A hint at the key that was likely meant, or else at those there are; begins with a blank."""
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if close:
        return f' Did you mean "{close[0]}"?'
    return f" There are: {', '.join(sorted(known))}." if known else ""


def _problem(found: Any, root: Any, data: Any, name: str) -> Problem:
    location = found["loc"]
    line = _line(root, location)
    where = ".".join(str(part) for part in location) or "the deployment"
    if found["type"] == "extra_forbidden":
        model = _model_at(Deployment, location[:-1])
        hint = likely(str(location[-1]), list(model.model_fields) if model else [])
        place = f" in {'.'.join(map(str, location[:-1]))}" if location[:-1] else ""
        return Problem(name, line, f'unknown key "{location[-1]}"{place}.{hint}')
    if found["type"] == "missing":
        return Problem(name, line, f"{where} is missing")
    message = found["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    given = found["input"]
    shown = "" if isinstance(given, dict | list | BaseModel) else f", not {given!r}"
    return Problem(name, line, f"{where}: {message}{shown}")


def _model_at(model: Any, location: Sequence[int | str]) -> type[BaseModel] | None:
    """The model that checks what lies at a location; None where it is no model."""
    for part in location:
        if isinstance(part, str) and isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            model = field.annotation if field else None
        elif isinstance(part, int):
            items = get_args(model)
            model = items[0] if items else None
        model = _without_none(model)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        return (models or kinds)[0]
    return annotation


def _line(node: Any, location: Sequence[int | str]) -> int | None:
    """The line of the deepest part of a location that the file has."""
    if node is None:
        return None
    line: int = node.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, node = key.start_mark.line + 1, value
                    break
            else:
                return line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                return line
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def _yaml_hint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "cannot start any token" in problem:
        return '. Put a value that begins with @, %, ` or * between quotes: schedule: "@daily"'
    if "unhashable" in problem:
        return '. Put a template between quotes: "{{ params.source }}"'
    if "mapping values are not allowed" in problem:
        return ". Put a value that holds a colon and a blank between quotes"
    return ""
