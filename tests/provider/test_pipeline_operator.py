"""Batches through real spaCy pipelines, on real files."""

import json
from pathlib import Path

import pytest

from pageloom_provider.operators import (
    ListDocumentsOperator,
    OcrOperator,
    PipelineOperator,
)
from pageloom_provider.storage import location
from pageloom_provider.worker import BatchError, read_docs

RUN = {"texts": [], "poison": ""}


@pytest.fixture(autouse=True)
def notes():
    """What the component `note_text` saw; it raises on a text that holds `poison`."""
    import spacy
    from spacy.language import Language

    if not Language.has_factory("note_text"):

        @Language.component("note_text")
        def note_text(doc):
            if RUN["poison"] and RUN["poison"] in doc.text:
                raise RuntimeError(f"cannot work on {RUN['poison']}")
            RUN["texts"].append(doc[0].text)
            return doc

    assert spacy
    RUN.update(texts=[], poison="")
    return RUN


def read(result):
    import spacy

    return list(read_docs(location(result["uri"]), spacy.blank("en").vocab))


def files(path, pattern="*"):
    return sorted(file.name for file in Path(path).glob(pattern) if file.is_file())


PIPELINE = [{"ocr": {"mode": "skip"}}, {"note_text": {}}]


@pytest.fixture
def run(tmp_path, listed, context):
    def run(**settings):
        given = {"documents": listed, "components": PIPELINE, "work": str(tmp_path / "work")}
        if "shard" in settings:
            del given["documents"]
        return PipelineOperator(task_id="batch", **{**given, **settings}).execute(context)

    return run


def test_a_batch_becomes_a_shard_and_a_corrupt_file_goes_to_quarantine(run, tmp_path, folder):
    result = run()
    assert result == {"uri": result["uri"], "documents": 3, "failed": 1, "pages": 3}
    assert [doc.text for doc in read(result)] == [
        "ACME Ltd Total 10.50",
        "Globex Total 20.00",
        "Initech Total 30.00",
    ]
    quarantine = tmp_path / "work" / "quarantine"
    [copy] = quarantine.glob("*-corrupt.pdf")
    assert copy.read_bytes() == (folder / "corrupt.pdf").read_bytes()
    error = json.loads(copy.with_name(copy.name + ".error.json").read_text())
    assert error["uri"] == f"file://{folder}/corrupt.pdf"
    assert error["category"] == "truncated"
    assert error["component"] == "reader"
    assert "corrupt.pdf" in error["message"]


def test_a_rerun_finds_the_shard_and_repeats_nothing(run, notes):
    first = run()
    assert notes["texts"] == ["ACME", "Globex", "Initech"]
    written = location(first["uri"]).read_bytes()
    assert run() == first
    assert notes["texts"] == ["ACME", "Globex", "Initech"]
    assert location(first["uri"]).read_bytes() == written


def test_a_retry_repeats_only_what_was_not_finished(run, notes, tmp_path):
    notes["poison"] = "Initech"
    with pytest.raises(BatchError, match=r"c\.PDF: cannot work on Initech \(note_text"):
        run(on_error="fail", documents=documents(tmp_path, "a.pdf", "b.pdf", "more/c.PDF"))
    notes.update(poison="", texts=[])
    result = run(documents=documents(tmp_path, "a.pdf", "b.pdf", "more/c.PDF"))
    assert notes["texts"] == ["Initech"]
    assert [doc[0].text for doc in read(result)] == ["ACME", "Globex", "Initech"]
    assert not files(tmp_path / "work" / "parts", "**/*")


def documents(tmp_path, *names):
    return [str(tmp_path / "documents" / name) for name in names]


def test_one_document_that_a_component_fails_on_leaves_the_others_alone(run, notes, tmp_path):
    notes["poison"] = "Globex"
    result = run()
    assert (result["documents"], result["failed"]) == (2, 2)
    assert [doc[0].text for doc in read(result)] == ["ACME", "Initech"]
    [record] = (tmp_path / "work" / "quarantine").glob("*-b.pdf.error.json")
    assert json.loads(record.read_text())["message"] == "cannot work on Globex"


def test_a_component_that_fails_on_a_whole_batch_loses_one_document(run, notes, tmp_path):
    """spaCy reports the batch; which document it was shows when each has its own turn."""
    from spacy.language import Language

    class InBatches:
        def set_error_handler(self, handler):
            self.handler = handler

        def __call__(self, doc):
            return next(self.pipe([doc]))

        def pipe(self, stream, batch_size=128):
            docs = list(stream)
            if any("Globex" in doc.text for doc in docs):
                self.handler("in_batches", self, docs, RuntimeError("no Globex, please"))
            else:
                yield from docs

    if not Language.has_factory("in_batches"):
        Language.factory("in_batches", func=lambda nlp, name: InBatches())
    result = run(components=["ocr", "in_batches"])
    assert [doc[0].text for doc in read(result)] == ["ACME", "Initech"]
    assert result["failed"] == 2


def test_on_error_fail_names_the_document_and_keeps_no_shard(run, tmp_path):
    with pytest.raises(BatchError, match=r"corrupt\.pdf.*truncated"):
        run(on_error="fail")
    assert not files(tmp_path / "work", "*.spacy")
    assert not (tmp_path / "work" / "quarantine").exists()


def test_a_document_that_went_away_is_quarantined_without_a_copy(run, tmp_path, folder):
    (folder / "b.pdf").unlink()
    result = run()
    assert (result["documents"], result["failed"]) == (2, 2)
    left = files(tmp_path / "work" / "quarantine", "*-b.pdf*")
    assert [name.partition("-")[2] for name in left] == ["b.pdf.error.json"]


def test_a_document_that_changed_since_it_was_listed_is_not_taken_for_the_old_one(
    run, folder, tmp_path
):
    (folder / "b.pdf").write_bytes((folder / "a.pdf").read_bytes())
    result = run()
    assert [doc[0].text for doc in read(result)] == ["ACME", "Initech"]
    [record] = (tmp_path / "work" / "quarantine").glob("*-b.pdf.error.json")
    assert "changed since it was listed" in json.loads(record.read_text())["message"]


def test_shards_chain_and_count_what_failed_before(run, notes):
    first = run(components={"ocr": {"mode": "skip"}})
    second = run(shard=first, components={"note_text": {}})
    assert (second["documents"], second["failed"], second["pages"]) == (3, 1, 3)
    assert notes["texts"] == ["ACME", "Globex", "Initech"]
    assert [doc._.sha256 for doc in read(second)] == [doc._.sha256 for doc in read(first)]
    assert run(shard=first, components={"note_text": {}}) == second
    assert len(notes["texts"]) == 3


def test_deleting_a_shard_makes_the_next_run_redo_just_that_one(run, notes):
    first = run(components={"ocr": {"mode": "skip"}})
    second = run(shard=first, components={"note_text": {}})
    location(first["uri"]).unlink()
    assert run(components={"ocr": {"mode": "skip"}}) == first
    assert run(shard=first, components={"note_text": {}}) == second
    assert len(notes["texts"]) == 3


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"components": [{"ocr": {"mode": "skip", "workers": 1}}, {"note_text": {}}]}, True),
        ({"components": [{"ocr": {"mode": "auto"}}, {"note_text": {}}]}, False),
        ({"reader": {"dpi": 72}}, False),
        ({"quarantine": "elsewhere"}, True),
    ],
)
def test_the_name_follows_what_changes_the_result(run, tmp_path, change, same):
    if "quarantine" in change:
        change = {"quarantine": str(tmp_path / "elsewhere")}
    assert (run(**change)["uri"] == run()["uri"]) is same


def test_the_name_follows_the_content_and_not_the_place(run, folder, tmp_path, context):
    before = run()
    moved = folder.rename(tmp_path / "moved")
    [batch] = ListDocumentsOperator(task_id="listing", source=str(moved)).execute(context)
    assert run(documents=batch) == before


def test_half_a_shard_is_not_taken_for_a_finished_one(run, notes):
    result = run()
    manifest = location(result["uri"].replace(".spacy", ".json"))
    manifest.write_bytes(b'{"documents": 3')
    assert run() == result
    assert len(notes["texts"]) == 6


def test_two_overlapping_writes_leave_one_whole_shard(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    from pageloom_provider.storage import written_aside

    path = location(tmp_path / "shard.spacy")

    def write(byte):
        with written_aside(path) as file:
            for _ in range(200):
                file.write(byte * 1000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [b"a", b"b", b"c", b"d"]))
    content = path.read_bytes()
    assert content == content[:1] * 200_000
    assert files(tmp_path) == ["shard.spacy"]


def test_a_failed_write_leaves_nothing(tmp_path):
    from pageloom_provider.storage import written_aside

    def fail():
        with written_aside(location(tmp_path / "x")) as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert files(tmp_path) == []


def test_an_assembled_pipeline_and_a_config_file_run_as_they_are(run, tmp_path):
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("ocr", config={"mode": "skip"})
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "company", "pattern": "Globex"}])
    nlp.to_disk(tmp_path / "assembled")
    found = [
        [ent.text for ent in doc.ents]
        for doc in read(run(components=None, config=str(tmp_path / "assembled")))
    ]
    assert found == [[], ["Globex"], []]

    config = spacy.blank("en").config.copy()
    config["nlp"]["pipeline"] = ["ocr", "entity_ruler"]
    config["components"] = {
        "ocr": {"factory": "ocr", "mode": "force"},
        "entity_ruler": {"factory": "entity_ruler"},
    }
    config["initialize"]["components"] = {
        "entity_ruler": {"patterns": [{"label": "company", "pattern": "ACME"}]}
    }
    config.to_disk(tmp_path / "config.cfg")
    result = run(
        components=None,
        config=str(tmp_path / "config.cfg"),
        overrides={"components.ocr.mode": "skip"},
    )
    assert [[ent.text for ent in doc.ents] for doc in read(result)] == [["ACME"], [], []]


def test_a_scan_goes_through_tesseract(run, tmp_path):
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (900, 300), "white")
    ImageDraw.Draw(page).text((60, 100), "RECEIPT 4711", "black", ImageFont.load_default(80))
    page.save(tmp_path / "scan.png", dpi=(200, 200))
    result = OcrOperator(
        task_id="ocr",
        work=str(tmp_path / "work"),
        documents=[str(tmp_path / "scan.png")],
        workers=1,
    ).execute({"run_id": "r"})
    [doc] = read(result)
    assert doc.text == "RECEIPT 4711"
    assert all(token._.box for token in doc)


def test_a_missing_language_fails_the_task_and_quarantines_nothing(run, tmp_path):
    from PIL import Image

    from pageloom import EngineError

    Image.new("RGB", (300, 100), "white").save(tmp_path / "scan.png")
    with pytest.raises(EngineError, match="xyz"):
        run(documents=[str(tmp_path / "scan.png")], components=[{"ocr": {"lang": "xyz"}}])
    assert not (tmp_path / "work" / "quarantine").exists()


def test_documents_in_object_storage_travel_with_their_content(run, folder):
    """fsspec's memory filesystem stands for a store that other programs cannot open by path."""
    from airflow.sdk.io.store import attach
    from fsspec.implementations.memory import MemoryFileSystem

    store = MemoryFileSystem()
    attach("memory", fs=store)
    store.pipe("/bucket/in/a.pdf", (folder / "a.pdf").read_bytes())
    store.pipe("/bucket/in/bad.pdf", b"")
    [batch] = ListDocumentsOperator(task_id="listing", source="memory://bucket/in").execute({})
    result = run(documents=batch, work="memory://bucket/work")
    assert (result["documents"], result["failed"]) == (1, 1)
    store.rm("/bucket/in", recursive=True)
    [doc] = read(result)
    assert doc._.source == batch[0]["uri"]
    assert doc._.pages[0].image.size == (doc._.pages[0].width, doc._.pages[0].height)
    assert run(documents=batch, work="memory://bucket/work") == result


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"documents": None}, "`documents` or `shard`"),
        ({"components": None}, "`components` or `config`"),
        ({"config": "x.cfg"}, "`components` or `config`"),
        ({"overrides": {"a.b": 1}}, "`overrides`"),
        ({"on_error": "ignore"}, "on_error is 'quarantine' or 'fail'"),
        ({"components": "ocr"}, "must be a list or a dict"),
        ({"components": [{"ocr": {}, "note_text": {}}]}, "each entry of components"),
        ({"components": ["ocr", "ocr"]}, "occurs twice"),
        ({"components": [{"ocr": "fast"}]}, "dict of settings"),
        ({"documents": "a.pdf"}, "must be a list"),
        ({"documents": [{"path": "a.pdf"}]}, "uri: Field required"),
        ({"components": None, "config": "/nowhere/config.cfg"}, "/nowhere/config.cfg"),
        ({"components": ["no_such_component"]}, "no_such_component"),
    ],
)
def test_a_wrong_argument_is_named(run, settings, message):
    with pytest.raises(ValueError, match=message):
        run(**settings)


def test_a_file_that_is_no_shard_is_named(run, tmp_path):
    (tmp_path / "x.spacy").write_bytes(b"no DocBin")
    with pytest.raises(ValueError, match=r"x\.spacy: not a shard"):
        run(shard=str(tmp_path / "x.spacy"), components=["note_text"])
    with pytest.raises(FileNotFoundError, match=r"gone\.spacy"):
        run(shard=str(tmp_path / "gone.spacy"), components=["note_text"])
