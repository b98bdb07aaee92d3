import hashlib
import shutil

import pytest

from pageloom_provider.operators import ListDocumentsOperator


def names(batches):
    return [[document["uri"].rpartition("/")[2] for document in batch] for batch in batches]


def test_documents_come_in_batches_with_their_content_hash(folder, context):
    batches = ListDocumentsOperator(task_id="listing", source=str(folder), batch_size=3).execute(
        context
    )
    assert names(batches) == [["a.pdf", "b.pdf", "corrupt.pdf"], ["c.PDF"]]
    content = (folder / "a.pdf").read_bytes()
    assert batches[0][0] == {
        "uri": f"file://{folder}/a.pdf",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"recursive": False}, ["a.pdf", "b.pdf", "corrupt.pdf"]),
        ({"patterns": ["a.*", "*.png"]}, ["a.pdf"]),
        ({"patterns": ["more/*"]}, ["c.PDF"]),
        ({"patterns": ["*.docx"]}, []),
    ],
)
def test_patterns_and_depth(folder, context, settings, expected):
    batches = ListDocumentsOperator(task_id="listing", source=str(folder), **settings).execute(
        context
    )
    assert names(batches) == ([expected] if expected else [])


def test_a_document_that_lies_there_twice_is_listed_once(folder, context):
    shutil.copy(folder / "a.pdf", folder / "copy of a.pdf")
    batches = ListDocumentsOperator(task_id="listing", source=str(folder)).execute(context)
    assert names(batches) == [["a.pdf", "b.pdf", "corrupt.pdf", "c.PDF"]]


def test_hidden_files_are_no_documents(folder, context):
    shutil.copy(folder / "a.pdf", folder / ".half-copied.pdf")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "old.pdf").write_bytes(b"old")
    batches = ListDocumentsOperator(task_id="listing", source=str(folder)).execute(context)
    assert names(batches) == [["a.pdf", "b.pdf", "corrupt.pdf", "c.PDF"]]


@pytest.mark.parametrize("name", ["a b.pdf", "a#b.pdf", "50%20.pdf", "é{{x}}.pdf", "a?b@c.pdf"])
def test_any_file_name_comes_back(tmp_path, context, name):
    from pageloom_provider.storage import location

    (tmp_path / name).write_bytes(b"content")
    [[document]] = ListDocumentsOperator(task_id="listing", source=str(tmp_path)).execute(context)
    assert location(document["uri"]).read_bytes() == b"content"


def test_one_file_is_a_source_too(folder, context):
    batches = ListDocumentsOperator(task_id="listing", source=f"file://{folder}/a.pdf").execute(
        context
    )
    assert names(batches) == [["a.pdf"]]


def test_a_source_that_is_not_there_is_named(tmp_path, context):
    operator = ListDocumentsOperator(task_id="listing", source=str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such folder"):
        operator.execute(context)


def test_a_batch_needs_a_size(folder, context):
    operator = ListDocumentsOperator(task_id="listing", source=str(folder), batch_size=0)
    with pytest.raises(ValueError, match="at least 1"):
        operator.execute(context)
