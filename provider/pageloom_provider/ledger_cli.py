"""`pageloom-dags ledger`: list the documents that pipelines have seen, and make them new again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pageloom_provider.ledger import STATES, TABLE, Ledger

__all__ = ["app"]

app = typer.Typer(
    name="ledger",
    help="The documents that pipelines have seen: list them, or make them new again.",
    no_args_is_help=True,
    add_completion=False,
)

ConnId = Annotated[
    str | None, typer.Option("--conn-id", help="The connection of the ledger's database.")
]
Sqlite = Annotated[str | None, typer.Option(help="The SQLite file that holds the ledger.")]
Table = Annotated[str, typer.Option(help="The ledger's table.")]
State = Annotated[str | None, typer.Option(help=f"Only in this state: {', '.join(STATES)}.")]
PipelineName = Annotated[str | None, typer.Option("--pipeline", help="Only of this pipeline.")]
Version = Annotated[str | None, typer.Option(help="Only of this version of the pipeline.")]
RunId = Annotated[str | None, typer.Option("--run-id", help="Only of this run.")]
Uri = Annotated[str | None, typer.Option(help="Only at this URI; * stands for anything.")]


@app.command("list")
def list_documents(
    conn_id: ConnId = None,
    sqlite: Sqlite = None,
    table: Table = TABLE,
    state: State = None,
    pipeline: PipelineName = None,
    version: Version = None,
    run_id: RunId = None,
    uri: Uri = None,
    sha256: Annotated[str | None, typer.Option(help="Only this hash, or its beginning.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most rows.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """List documents, the latest change first."""
    known = _known(state)
    found = _ledger(conn_id, sqlite, table).entries(
        limit,
        state=known,
        pipeline=pipeline,
        version=version,
        run_id=run_id,
        document_uri=uri,
        document_sha256=sha256,
    )
    for entry in found:
        if as_json:
            typer.echo(entry.model_dump_json())
            continue
        typer.echo(
            f"{entry.document_sha256[:12]}  {entry.state:<7}  {entry.attempts:>2}x  "
            f"{entry.changed_at[:19]}  {entry.pipeline}@{entry.version}  {entry.document_uri}"
        )
        if entry.error:
            typer.echo(f"              {entry.error}")
    if not as_json:
        more = " (the most that --limit lets through)" if len(found) == limit else ""
        typer.echo(f"{len(found)} documents{more}")


@app.command("reset")
def reset_documents(
    sha256: Annotated[
        list[str] | None, typer.Argument(help="Hashes of documents, or their beginnings.")
    ] = None,
    conn_id: ConnId = None,
    sqlite: Sqlite = None,
    table: Table = TABLE,
    state: State = None,
    pipeline: PipelineName = None,
    version: Version = None,
    run_id: RunId = None,
    uri: Uri = None,
    everything: Annotated[bool, typer.Option("--all", help="Every document there is.")] = False,
) -> None:
    """Make documents new again, so that the next run does them."""
    given = {
        "state": _known(state),
        "pipeline": pipeline,
        "version": version,
        "run_id": run_id,
        "document_uri": uri,
    }
    if not (sha256 or everything or any(value is not None for value in given.values())):
        raise typer.BadParameter("say which documents, or --all")
    ledger = _ledger(conn_id, sqlite, table)
    hashes: list[str | None] = [*sha256] if sha256 else [None]
    count = sum(ledger.reset(document_sha256=each, **given) for each in hashes)
    typer.echo(f"{count} documents are new again")


def _known(state: str | None) -> str | None:
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"a state is one of {', '.join(STATES)}, not {state!r}")
    return state


def _ledger(conn_id: str | None, sqlite: str | None, table: str) -> Ledger:
    if (conn_id is None) == (sqlite is None):
        raise typer.BadParameter("give --conn-id or --sqlite, one of the two")
    if sqlite is not None and not Path(sqlite).expanduser().is_file():
        raise typer.BadParameter(f"{sqlite}: there is no such file")
    # A command may read connections from Airflow's database, as the API server does.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    return Ledger.open(conn_id, sqlite, table)
