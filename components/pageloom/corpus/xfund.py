"""XFUND: FUNSD in seven languages, one JSON file (`de.train.json`) with all forms of a split.

Xu et al., "XFUND: A Benchmark Dataset for Multilingual Visually Rich Form Understanding", 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from spacy.tokens import Doc
from spacy.vocab import Vocab

from pageloom.corpus.formats import Entry, Format, Settings
from pageloom.corpus.funsd import Block, make_form
from pageloom.corpus.pictures import find_picture
from pageloom.corpus.problems import BadRecord, Problem, shape_messages

__all__ = ["FORMAT", "check", "read"]


class _Image(BaseModel):
    fname: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class _Form(BaseModel):
    img: _Image
    document: list[Block]


class _File(BaseModel):
    documents: list[dict[str, Any]]


def _entries(path: Path, settings: Settings, vocab: Vocab) -> Iterator[Entry | Problem]:
    for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        try:
            forms = _File.model_validate_json(file.read_bytes()).documents
        except ValidationError as error:
            for message in shape_messages(error):
                yield Problem(str(file), "", message)
            continue
        # Pictures come as an archive for each file; some unpack it here, some into its own folder.
        folders = [file.parent, file.with_suffix(""), file.parent / "images"]
        if settings.image_folder is not None:
            folders = [settings.image_folder]
        for number, form in enumerate(forms, start=1):
            record = f"document {number} ({form.get('id', 'no id')})"
            yield Entry(file, record, partial(_make, form, folders, settings, vocab))


def _make(record: dict[str, Any], folders: list[Path], settings: Settings, vocab: Vocab) -> Doc:
    try:
        form = _Form.model_validate(record)
    except ValidationError as error:
        raise BadRecord(*shape_messages(error)) from None
    name = form.img.fname
    picture = find_picture([name], folders)
    size = (form.img.width, form.img.height)
    return make_form(vocab, form.document, picture, str(folders[0] / name), size, settings)


FORMAT = Format("xfund", _entries)
read, check = FORMAT.read, FORMAT.check
