"""The command `pageloom serve`."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["serve"]

_TOKEN = "PAGELOOM_SERVER_TOKEN"


def serve(
    pipelines: Annotated[
        list[Path],
        typer.Argument(metavar="PIPELINE...", help="Pipeline folders or config files."),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8700,
    token_file: Annotated[
        Path | None,
        typer.Option(help=f"Tokens for access, one a line; else {_TOKEN}.", exists=True),
    ] = None,
    max_megabytes: Annotated[float, typer.Option(help="Of one document.", min=0.001)] = 64,
    max_pages: Annotated[int, typer.Option(help="Of one document.", min=1)] = 200,
    max_queue: Annotated[
        int, typer.Option(help="Documents accepted and not yet done.", min=1)
    ] = 256,
    batch: Annotated[int, typer.Option(help="The most documents that run together.", min=1)] = 16,
    batch_wait: Annotated[
        float, typer.Option(help="Milliseconds in which a batch may grow.", min=0)
    ] = 10,
    keep: Annotated[float, typer.Option(help="Minutes for which results are kept.", min=1)] = 60,
    keep_megabytes: Annotated[
        float, typer.Option(help="Of results; fetched ones go first.", min=1)
    ] = 4096,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where jobs and results lie; by default in the user's cache."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM file, for https.", exists=True)
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="PEM file of the certificate's key.", exists=True)
    ] = None,
    code: Annotated[
        Path | None, typer.Option("--code", "-c", help="Python file to import first.")
    ] = None,
) -> None:
    """Keep pipelines loaded and run documents that come over HTTP.

    SIGTERM ends it when all that was accepted is done.
    """
    from pageloom.errors import PageloomError

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pageloom").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    try:
        from pageloom.serving.limits import Limits
        from pageloom.serving.server import default_folder
        from pageloom.serving.server import serve as run
    except ImportError as error:
        typer.echo(f"error: {error}: pip install 'pageloom[serve]'", err=True)
        raise typer.Exit(2) from None
    from spacy.cli._util import import_code

    try:
        import_code(code)
        run(
            pipelines,
            host=host,
            port=port,
            tokens=_tokens(token_file),
            folder=folder or default_folder(port),
            limits=Limits(
                request_bytes=int(max_megabytes * (1 << 20)),
                pages=max_pages,
                queue=max_queue,
                batch=batch,
                batch_wait=batch_wait / 1000,
                keep=keep * 60,
                kept_bytes=int(keep_megabytes * (1 << 20)),
            ),
            certificate=certificate,
            key=key,
        )
    except (PageloomError, ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def _tokens(file: Path | None) -> list[str]:
    text = os.environ.get(_TOKEN, "") if file is None else file.read_text(encoding="utf8")
    tokens = [line.strip() for line in text.splitlines() if line.strip()]
    if file is not None and not tokens:
        raise ValueError(f"{file}: there is no token in it")
    return tokens
