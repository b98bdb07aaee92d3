"""The trigger that waits for documents in a folder."""

import asyncio
import pkgutil
import shutil

import pytest

from pageloom_provider.triggers import folder as room
from pageloom_provider.triggers.folder import FolderTrigger


@pytest.fixture
def events(monkeypatch):
    """What a trigger tells until it has told `count` times or `seconds` have passed."""
    monkeypatch.setattr(room, "_SETTLING_SECONDS", 0.02)

    def events(trigger, count, seconds=60.0, between=lambda: None):
        async def collect():
            told = []
            async for event in trigger.run():
                told.append(event.payload["documents"])
                if len(told) == count:
                    break
                between()
            return told

        async def bounded():
            return await asyncio.wait_for(collect(), seconds)

        return asyncio.run(bounded())

    return events


def test_documents_that_are_there_and_documents_that_come_are_told(events, folder):
    def add():
        shutil.copy(folder / "a.pdf", folder / "another.pdf")

    assert events(FolderTrigger(str(folder), every=0.01), 2, between=add) == [4, 5]


def test_what_is_not_asked_for_is_not_told(events, folder):
    trigger = FolderTrigger(str(folder), patterns=["a.*"], recursive=False, every=0.01)

    def add():
        (folder / "notes.txt").write_text("not a document")
        (folder / ".a.pdf").write_bytes(b"hidden")

    assert events(trigger, 1) == [1]
    with pytest.raises(asyncio.TimeoutError):
        events(trigger, 2, seconds=1.0, between=add)


def test_a_file_that_is_still_growing_waits(events, tmp_path, monkeypatch):
    sizes = iter([1, 2, 3])
    look = FolderTrigger._list

    def growing(self):
        (tmp_path / "scan.pdf").write_bytes(b"x" * next(sizes, 4))
        return look(self)

    monkeypatch.setattr(FolderTrigger, "_list", growing)
    assert events(FolderTrigger(str(tmp_path), every=0.01), 1) == [1]
    assert (tmp_path / "scan.pdf").stat().st_size == 4


def test_an_empty_folder_and_a_missing_one_tell_nothing(events, tmp_path):
    for name in (".", "not/there"):
        with pytest.raises(asyncio.TimeoutError):
            events(FolderTrigger(str(tmp_path / name), every=0.01), 1, seconds=0.5)


def test_the_triggerer_makes_it_again_from_what_it_serializes():
    first = FolderTrigger("s3://inbox@in/box", patterns=["*.pdf"], recursive=False, every=90.0)
    name, arguments = first.serialize()
    again = pkgutil.resolve_name(name)(**arguments)
    assert again.serialize() == first.serialize()
