"""`pageloom-dags`: check, describe and draw deployments before they are deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pageloom_provider.blueprint.drawing import as_dot, as_text, draw
from pageloom_provider.blueprint.loader import load_file
from pageloom_provider.blueprint.schema import json_schema
from pageloom_provider.blueprint.validation import validate as validated
from pageloom_provider.blueprint.yaml_file import DeploymentError, parse, read
from pageloom_provider.ledger_cli import app as ledger_app

__all__ = ["app", "main"]

app = typer.Typer(
    name="pageloom-dags",
    help="Deployments of pageloom as YAML files: check, describe and draw them.",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(ledger_app)


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.")],
    models: Annotated[
        bool, typer.Option(help="Look up the models; those on the hub are downloaded.")
    ] = True,
) -> None:
    """Check files as Airflow will, and their components' settings where pageloom is installed.

    Exits with 1 where something is wrong, with 2 where there is no such file.
    """
    try:
        result = validated(paths, models=models)
    except FileNotFoundError as error:
        raise _ended(str(error), 2) from None
    for problem in result.problems:
        typer.echo(str(problem))
    if not result.settings_checked:
        typer.echo("pageloom is not installed here: settings and models are not checked", err=True)
    if result.problems:
        raise typer.Exit(1)
    count = len(result.files)
    typer.echo("1 file is right" if count == 1 else f"{count} files are right")


@app.command()
def schema(
    output: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
) -> None:
    """The JSON Schema of a file, for editors."""
    text = json.dumps(json_schema(), indent=2) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf8")


@app.command()
def render(
    path: Annotated[Path, typer.Argument(help="A deployment's file.")],
    dot: Annotated[bool, typer.Option("--dot", help="In Graphviz's language.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw into this file: svg, png or pdf. Needs Graphviz.")
    ] = None,
) -> None:
    """Show a deployment's DAG: what runs after what, where, and on which queue."""
    try:
        text, data = read(path)
        deployment = parse(text, data, str(path))
        dag = load_file(path)
        if picture is not None:
            draw(dag, picture)
        else:
            typer.echo(as_dot(dag) if dot else as_text(dag, deployment), nl=False)
    except (DeploymentError, FileNotFoundError, ValueError) as error:
        raise _ended(str(error), 1) from None


def _ended(message: str, code: int) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(code)


def main() -> None:
    """The program."""
    app()
