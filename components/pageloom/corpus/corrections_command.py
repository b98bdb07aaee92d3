"""The command `pageloom corrections`: reviewed documents to a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["corrections"]

SHOWN = 10


def corrections(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Folders of corrections, or their files; URIs."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="CORPUS.spacy", help="The file to write.")
    ],
    split: Annotated[
        str,
        typer.Option(help="Shares, as 0.8,0.2: write CORPUS-train, -dev and -test.spacy instead."),
    ] = "",
) -> None:
    """Turn what people confirmed and corrected into a corpus for spacy train."""
    from pageloom.corpus.corrections import collect
    from pageloom.corpus.problems import CorpusError

    try:
        shares = [float(share) for share in split.split(",")] if split else []
        done = collect(sources, output, shares)
    except CorpusError as error:
        for problem in error.problems:
            typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1) from None
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    for problem in done.problems:
        typer.echo(f"left out: {problem}", err=True)
    for text in done.unplaced[:SHOWN]:
        typer.echo(f"not among the document's words: {text}", err=True)
    if len(done.unplaced) > SHOWN:
        typer.echo(f"and {len(done.unplaced) - SHOWN} more", err=True)
    typer.echo(f"{done.corrected} values corrected, {done.confirmed} confirmed")
    for path, count in done.written.items():
        typer.echo(f"{path}: {count} document{'' if count == 1 else 's'}")
