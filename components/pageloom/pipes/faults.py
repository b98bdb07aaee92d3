"""Errors that no document is to blame for: a device, an engine or a model that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageloom.errors import PageloomError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

__all__ = ["check_engines", "is_of_machine"]


def is_of_machine(error: BaseException) -> bool:
    """Whether a component's error is this machine's: it lacks something, or its memory is full."""
    if isinstance(error, PageloomError | MemoryError):
        return True
    # Out of memory, or a device that is gone; torch's errors derive from RuntimeError.
    return type(error).__module__.partition(".")[0] == "torch"


def check_engines(nlp: Language, doc: Doc) -> None:
    """Tell an OCR engine that is missing here from one that stumbled over a page of `doc`.

    Raises:
        EngineError: The engine or its language is not there; no document is to blame.
    """
    for error in doc._.errors:
        if error.category == "engine" and error.component in nlp.pipe_names:
            from pageloom.ocr.engines import make_engine

            ocr: Any = nlp.get_pipe(error.component)
            engine = make_engine(ocr.engine, lang=ocr.lang, psm=ocr.psm)
            getattr(engine, "check", lambda: None)()
