"""The command `pageloom`: fields of documents, corpora and training, from a shell."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pageloom.corpus.corrections_command import corrections
from pageloom.serving.command import serve

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

__all__ = ["app", "main"]

WIDEST_VALUE = 60

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def about() -> None:
    """Read documents and find their fields."""


@app.command()
def fields(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Paths or URIs.")],
    model: Annotated[
        str, typer.Option(help="A LayoutLMv2 or LiLT tagger: packaged name, folder or hub id.")
    ] = "pageloom/fields-sm",
    revision: Annotated[str | None, typer.Option(help="Of a model on the hub.")] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="OCR: auto (rapidocr for English where it is installed, else tesseract), "
            "tesseract, tesserocr, rapidocr."
        ),
    ] = "auto",
    lang: Annotated[str, typer.Option(help="The documents' language, as in eng+deu.")] = "eng",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    every: Annotated[
        bool, typer.Option("--all", help="Show each value of a field, not the best alone.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write a report with pictures here.")] = None,
    jsonl: Annotated[Path | None, typer.Option(help="Write one JSON object a document.")] = None,
    docbin: Annotated[
        Path | None, typer.Option(help="Write the documents here, for pageloom view.")
    ] = None,
) -> None:
    """Print the fields of documents; exit with 1 if any of them failed in whole or in part."""
    from spacy.tokens import DocBin

    from pageloom import PageloomError, render

    logging.getLogger("pageloom").addHandler(logging.NullHandler())  # errors are printed below
    failed, kept = False, []
    try:
        nlp = _pipeline(model, revision, engine, lang, device)
        with _lines(jsonl) as write:
            for number, doc in enumerate(nlp.pipe(files)):
                typer.echo(("\n" if number else "") + _table(doc, every))
                for error in doc._.errors:
                    failed = True
                    typer.echo(f"error: {error.message}", err=True)
                write(_record(doc))
                if html is not None or docbin is not None:
                    kept.append(doc)
        if html is not None:
            render(kept, html)
        if docbin is not None:
            DocBin(store_user_data=True, docs=kept).to_disk(docbin)
    except (PageloomError, ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if failed:
        raise typer.Exit(1)


@app.command()
def view(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="RESULTS.spacy...", help="DocBin files, or folders of them."),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8765,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Show documents with their pages and fields in a browser, until it is interrupted."""
    from pageloom.errors import PageloomError

    try:
        from pageloom.viewer import server
    except ImportError as error:
        typer.echo(f"error: {error.name} is missing: pip install 'pageloom[view]'", err=True)
        raise typer.Exit(2) from None

    def started(address: str) -> None:
        typer.echo(f"{address}  (Ctrl+C ends)")
        if not server.is_local(host):
            typer.echo("anyone who can reach this address can see these documents", err=True)
        if browser:
            typer.launch(address)

    try:
        server.view(files, host, port, started)
    except PageloomError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


@app.command()
def models() -> None:
    """List the packaged models."""
    try:
        import pageloom_weights
    except ImportError:
        typer.echo("no packaged models: pip install 'pageloom[weights]'", err=True)
        raise typer.Exit(1) from None
    for name in pageloom_weights.names():
        config = json.loads((pageloom_weights.path(name) / "config.json").read_text("utf8"))
        ids = sorted(config["id2label"], key=int)
        labels = dict.fromkeys(config["id2label"][number].rpartition("-")[2] for number in ids)
        labels.pop("O", None)
        if "LABEL_0" in labels:  # the library's word for no classes
            labels.clear()
        typer.echo(f"pageloom/{name}  {config['architectures'][0]}  {', '.join(labels)}")


@app.command()
def combine_lilt(
    text: Annotated[str, typer.Argument(help="RoBERTa-style text encoder: folder or hub id.")],
    lilt: Annotated[str, typer.Argument(help="LiLT, or its layout flow alone: the same.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    text_revision: Annotated[str | None, typer.Option(help="Of the text encoder.")] = None,
    lilt_revision: Annotated[str | None, typer.Option(help="Of the layout flow.")] = None,
) -> None:
    """Join a text encoder of any language and a LiLT layout flow into one checkpoint."""
    from pageloom.errors import CheckpointError
    from pageloom.models.lilt import combine

    try:
        combine(text, lilt, out, text_revision=text_revision, lilt_revision=lilt_revision)
    except (CheckpointError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{out}: a LiLT to fine-tune")


@app.command()
def convert(
    format: Annotated[
        str,
        typer.Argument(help="cord, docbin, funsd, jsonl, label-studio, sroie or xfund."),
    ],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="File or folder.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT.spacy", help="The file to write.")],
    split: Annotated[
        str,
        typer.Option(
            help="Shares, as 0.8,0.1,0.1: write OUTPUT-train, -dev and -test.spacy instead."
        ),
    ] = "",
    label: Annotated[
        list[str] | None,
        typer.Option(help="A label that entities may have; once for each. Others are problems."),
    ] = None,
    images: Annotated[bool, typer.Option(help="Whether a missing image is a problem.")] = True,
    boxes: Annotated[
        str, typer.Option(help="word; or line: words take their line's box.")
    ] = "word",
    order: Annotated[str, typer.Option(help="Of SROIE's lines: given or reading.")] = "given",
    image_folder: Annotated[
        Path | None, typer.Option(help="Where images lie (label-studio, xfund).")
    ] = None,
    outside: Annotated[
        list[str] | None,
        typer.Option(help="A label that is no entity (label-studio); once for each."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad records out, and write the others.")
    ] = False,
    embed_images: Annotated[
        bool, typer.Option("--embed-images", help="Put the images in, for another machine.")
    ] = False,
) -> None:
    """Write a corpus as DocBin for spacy train; exit with 1 if records are bad."""
    from pageloom.corpus.convert import convert as write
    from pageloom.corpus.formats import Settings
    from pageloom.corpus.problems import CorpusError

    try:
        settings = Settings(
            labels=tuple(label) if label else None,
            images=images,
            boxes=boxes,
            order=order,
            image_folder=image_folder,
            outside=tuple(outside) if outside else Settings.outside,
        )
        shares = [float(share) for share in split.split(",")] if split else []
        done = write(
            format,
            source,
            output,
            settings=settings,
            shares=shares,
            skip_bad=skip_bad,
            embed=embed_images,
        )
    except CorpusError as error:
        for problem in error.problems:
            typer.echo(f"error: {problem}", err=True)
        typer.echo(f"nothing written; --skip-bad leaves bad records out: {output}", err=True)
        raise typer.Exit(1) from None
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    for problem in done.problems:
        typer.echo(f"left out: {problem}", err=True)
    for path, count in done.written.items():
        typer.echo(f"{path}: {count} document{'' if count == 1 else 's'}")


# What is no option of the command is one of the config.
EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=EXTRA)
def train(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="spaCy's config file.", exists=True)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder for model-best, model-last.")
    ] = None,
    code: Annotated[
        Path | None, typer.Option("--code", "-c", help="Python file to import first.")
    ] = None,
    gpu_id: Annotated[
        int | None, typer.Option("--gpu-id", "-g", help="A GPU's number, or -1 for the CPU.")
    ] = None,
) -> None:
    """Train as spacy train does; under torchrun in several processes at once.

    Further options replace values of the config, as --training.max_steps 100.
    """
    from spacy.cli._util import import_code, parse_config_overrides

    from pageloom.corpus.problems import CorpusError
    from pageloom.errors import PageloomError
    from pageloom.training.launching import is_first
    from pageloom.training.launching import train as launch

    overrides = parse_config_overrides(list(context.args))
    import_code(code)
    try:
        launch(config, output, gpu=gpu_id, overrides=overrides)
    except PageloomError as error:
        if is_first():
            for problem in error.problems if isinstance(error, CorpusError) else [error]:
                typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1 if isinstance(error, CorpusError) else 2) from None


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A pipeline: folder or installed package.")],
    corpus: Annotated[Path, typer.Argument(help="File or folder.", exists=True)],
    format: Annotated[
        str | None, typer.Option(help="Of the corpus, as in convert; .spacy and .jsonl are known.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the scores here, as JSON.")
    ] = None,
    gpu_id: Annotated[
        int | None, typer.Option("--gpu-id", "-g", help="A GPU's number, or -1 for the CPU.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Use the first so many documents.")] = 0,
    images: Annotated[bool, typer.Option(help="Whether a missing image is a problem.")] = True,
    boxes: Annotated[str, typer.Option(help="word; or line, as in convert.")] = "word",
    order: Annotated[str, typer.Option(help="Of SROIE's lines: given or reading.")] = "given",
    image_folder: Annotated[
        Path | None, typer.Option(help="Where images lie (label-studio, xfund).")
    ] = None,
) -> None:
    """Score a trained pipeline on a corpus of any format; exit with 1 if records are bad."""
    from pageloom.corpus.formats import Settings
    from pageloom.corpus.problems import CorpusError
    from pageloom.training import evaluating
    from pageloom.training.launching import choose_gpu

    try:
        choose_gpu(gpu_id)
        settings = Settings(images=images, boxes=boxes, order=order, image_folder=image_folder)
        kind = format or evaluating.format_of(corpus)
        scores = evaluating.evaluate(model, corpus, kind, settings, limit)
    except CorpusError as error:
        for problem in error.problems:
            typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1) from None
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(evaluating.table(scores))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf8")


app.command()(corrections)
app.command()(serve)


@app.command()
def corpus_schema() -> None:
    """Print the JSON Schema of a line of pageloom's corpus format."""
    from pageloom.corpus.jsonl import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _pipeline(model: str, revision: str | None, engine: str, lang: str, device: str) -> Language:
    import spacy

    from pageloom.models import LayoutLMv2ForTokenClassification, LiltForTokenClassification
    from pageloom.pipes.checkpoint import Checkpoint

    heads = (LayoutLMv2ForTokenClassification, LiltForTokenClassification)
    found: Checkpoint[Any] = Checkpoint(heads, model, revision, "pageloom fields")
    kind = found.model_class.config_class.model_type
    reader = {"tokenizer": {"@tokenizers": "pageloom.DocumentReader.v1"}}
    nlp = spacy.blank("xx", config={"nlp": reader})
    nlp.add_pipe("ocr", config={"engine": engine, "lang": lang})
    tagger = {"model": model, "revision": revision, "device": device}
    nlp.add_pipe(f"{kind}_tagger", config=tagger)
    return nlp


def _table(doc: Doc, every: bool) -> str:
    """The document's name and its fields in columns, the best value of each field first."""
    pages = len(doc._.pages)
    head = f"{doc._.source}  ({pages} page{'' if pages == 1 else 's'}, {doc._.status})"
    rows = [("field", "value", "confidence", "page")]
    for label, values in doc._.fields.items():
        for field in values if every else values[:1]:
            long = len(field.text) > WIDEST_VALUE
            text = field.text[: WIDEST_VALUE - 3] + "..." if long else field.text
            rows.append((label, text, f"{field.score:.0%}", str(field.page or "")))
    if len(rows) == 1:
        return f"{head}\n  no fields found"
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"  {name:<{wide[0]}}  {value:<{wide[1]}}  {score:>{wide[2]}}  {page:>4}"
        for name, value, score, page in rows
    ]
    return "\n".join([head, *lines])


def _record(doc: Doc) -> dict[str, Any]:
    return {
        "source": doc._.source,
        "sha256": doc._.sha256,
        "status": doc._.status,
        "pages": len(doc._.pages),
        "fields": {
            label: [asdict(field) for field in found] for label, found in doc._.fields.items()
        },
        "errors": [asdict(error) for error in doc._.errors],
    }


@contextmanager
def _lines(path: Path | None) -> Iterator[Callable[[dict[str, Any]], object]]:
    """A function that writes one object a line; the file appears when all are written."""
    if path is None:
        yield lambda record: None
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf8") as file:
            yield lambda record: file.write(json.dumps(record, ensure_ascii=False) + "\n")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def main() -> None:
    """What the console script runs."""
    app()
