"""Everything about a deployment that can be known before it runs."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from pageloom_provider.blueprint.loader import deployment_files, load_file
from pageloom_provider.blueprint.schema import Deployment
from pageloom_provider.blueprint.yaml_file import (
    DeploymentError,
    Problem,
    likely,
    line_of,
    parse,
    read,
)

__all__ = ["Validated", "validate"]


class Validated(NamedTuple):
    """The problems of some files; `settings_checked` tells whether pageloom is installed here."""

    files: list[Path]
    problems: list[Problem]
    settings_checked: bool


def validate(paths: list[Path], *, models: bool = True) -> Validated:
    """Check files, and all YAML files below folders.

    Where pageloom is installed, as on a worker, each step's settings are held against the
    component's own, and with `models` every model is looked up; a model on the hub is downloaded
    where it is not in the cache.

    Raises:
        FileNotFoundError: There is no such file or folder.
    """
    files = [file for path in paths for file in _files(path)]
    worker = find_spec("pageloom") is not None and find_spec("spacy") is not None
    problems: list[Problem] = []
    owners: dict[str, Path] = {}
    for file in files:
        try:
            text, data = read(file)
            deployment = parse(text, data, str(file))
        except DeploymentError as error:
            problems += error.problems
            continue
        if (owner := owners.setdefault(deployment.id, file)) != file:
            line = line_of(text, ("id",))
            message = f'the id "{deployment.id}" is that of {owner} already'
            problems.append(Problem(str(file), line, message))
        found = [*_notifiers(deployment, text, str(file))]
        if worker:
            found += _components(deployment, text, str(file), models)
        try:
            load_file(file)
        except DeploymentError as error:
            found += error.problems
        problems += sorted(found, key=lambda problem: problem.line or 0)
    return Validated(files, problems, worker)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return list(deployment_files(path))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    return [path]


def _components(deployment: Deployment, text: str, name: str, models: bool) -> list[Problem]:
    from pageloom_provider.worker.settings import check_components

    problems = []
    places: list[tuple[tuple[int | str, ...], Any]] = [
        (("steps", number), step) for number, step in enumerate(deployment.steps)
    ]
    for number, route in enumerate(deployment.routes):
        places += [
            (("routes", number, "steps", index), step) for index, step in enumerate(route.steps)
        ]
    for place, step in places:
        for found in check_components(step.parsed(), deployment.language, models=models):
            location = _location(place, step, found.component, found.setting)
            problems.append(Problem(name, line_of(text, location), found.message))
    return list(dict.fromkeys(problems))


def _location(
    place: tuple[int | str, ...], step: Any, component: str, setting: str | None
) -> tuple[int | str, ...]:
    """Where in the file a component's setting is written."""
    if not component:
        return ("language",)
    last = () if setting is None else (setting,)
    if step.component is not None:
        if setting == "device" and step.device:
            return (*place, "device")
        return (*place, "settings", *last) if last else (*place, "component")
    if isinstance(step.components, dict):
        return (*place, "components", component, *last)
    index = [one.name for one in step.parsed()].index(component)
    return (*place, "components", index, component, *last)


def _notifiers(deployment: Deployment, text: str, name: str) -> list[Problem]:
    problems = []
    for number, alert in enumerate(deployment.alerts):
        if alert.notifier is None:
            continue
        module, _, kind = alert.notifier.rpartition(".")
        line = line_of(text, ("alerts", number, "notifier"))
        try:
            found = import_module(module)
        except ImportError as error:
            problems.append(Problem(name, line, f"notifier {alert.notifier}: {error}"))
            continue
        if not hasattr(found, kind):
            hint = likely(kind, [one for one in vars(found) if one.endswith("Notifier")])
            problems.append(Problem(name, line, f"{module} has no {kind}.{hint}"))
    return problems
