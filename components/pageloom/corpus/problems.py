"""What is wrong with a corpus: each problem with its file and record, and all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from pageloom.errors import PageloomError

__all__ = ["BadRecord", "CorpusError", "Problem", "shape_messages"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        file: path of the file that has it.
        record: which record of the file, as "line 3 (id 0017)"; empty where it is the file itself.
        message: what is wrong, and the way out.
    """

    file: str
    record: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}, {self.record}" if self.record else self.file
        return f"{where}: {self.message}"


class CorpusError(PageloomError):
    """Records of a corpus cannot be used; `problems` has all of them, and so has the message."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"the corpus has {head}:", *map(str, self.problems)]))

    def __reduce__(self) -> tuple[object, ...]:
        return (CorpusError, (self.problems,))


class BadRecord(Exception):  # noqa: N818
    """A record that makes no document, with all that is wrong with it; it never leaves the room."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = messages


def shape_messages(error: ValidationError) -> list[str]:
    """What pydantic found, as "form.3.words.1.box: Field required"."""
    found = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, item["loc"]))
        found.append(f"{place}: {item['msg']}" if place else item["msg"])
    return found
