"""The readers in a training config, and the command `pageloom convert`."""

import json
import subprocess
import sys

import pytest
import spacy
from spacy import registry
from spacy.tokens import DocBin
from spacy.util import resolve_dot_names
from thinc.api import Config
from typer.testing import CliRunner

from pageloom.cli import app
from pageloom.corpus import docbin, jsonl
from pageloom.corpus.convert import divide
from pageloom.corpus.examples import example, unannotated
from pageloom.corpus.problems import CorpusError
from tests import corpora
from tests.corpora import BOXES, WORDS, record

RUN = CliRunner()
NAMES = {
    "cord": "pageloom.Cord.v1",
    "funsd": "pageloom.Funsd.v1",
    "jsonl": "pageloom.Jsonl.v1",
    "label-studio": "pageloom.LabelStudio.v1",
    "sroie": "pageloom.Sroie.v1",
    "xfund": "pageloom.Xfund.v1",
}


@pytest.fixture
def nlp():
    return spacy.blank("xx")


def a_reader(name, path, **settings):
    settings = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    head = f'[corpora]\n[corpora.train]\n@readers = "{name}"\n'
    config = Config().from_str(f"{head}path = {json.dumps(str(path))}\n{settings}")
    return registry.resolve(config)["corpora"]["train"]


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_in_a_config(name, tmp_path, nlp):
    reader = a_reader(NAMES[name], corpora.WRITERS[name](tmp_path), boxes="word", images=True)
    (pair,) = reader(nlp)
    assert [token.text for token in pair.predicted] == WORDS
    assert [token._.box for token in pair.predicted] == [t._.box for t in pair.reference]
    assert pair.predicted._.pages == pair.reference._.pages
    assert pair.reference.ents
    assert not pair.predicted.ents


def test_predicted_knows_the_questions_and_no_answer(tmp_path, nlp):
    (pair,) = a_reader("pageloom.Jsonl.v1", corpora.jsonl(tmp_path))(nlp)
    seen = pair.predicted
    assert seen._.questions == ["What is the total?", "What is the tax?"]
    assert seen._.answers == []
    assert seen.cats == {}
    assert "entities" not in seen.spans
    assert not seen.has_annotation("ENT_IOB")
    assert len(pair.reference._.answers) == 3


def test_what_a_pipeline_does_to_predicted_leaves_the_corpus_as_it_is(tmp_path, nlp):
    reader = a_reader("pageloom.Jsonl.v1", corpora.jsonl(tmp_path))
    (first,) = reader(nlp)
    first.predicted._.pages.clear()
    first.predicted._.questions.append("Why?")
    first.predicted[0]._.box = (0, 0, 1, 1)
    first.predicted.cats["receipt"] = 0.0
    (second,) = reader(nlp)
    assert len(second.predicted._.pages) == 1
    assert second.predicted._.questions == ["What is the total?", "What is the tax?"]
    assert second.predicted[0]._.box == BOXES[0]
    assert second.reference.cats == {"receipt": 1.0}


def test_lines_and_embedded_images_come_along(tmp_path, nlp):
    from pageloom import embed_images

    path = corpora.jsonl(tmp_path, record(lines=[[0, 2], [2, 4]]))
    (gold,) = jsonl.read(path, nlp.vocab)
    embed_images(gold)
    (tmp_path / "receipt.png").unlink()
    seen = unannotated(gold)
    assert [span.text for span in seen.spans["lines"]] == ["Corner Shop", "Total: 12.50"]
    assert seen._.pages[0].image.size == (200, 400)


def test_entities_align_as_spacy_wants_them(tmp_path, nlp):
    (gold,) = jsonl.read(corpora.jsonl(tmp_path), nlp.vocab)
    assert example(gold).get_aligned_ner() == ["B-company", "L-company", "O", "U-total"]


@pytest.mark.parametrize("keep", [True, False])
def test_bad_records_are_told_at_the_call_before_the_first_example(keep, tmp_path, nlp):
    path = corpora.jsonl(tmp_path, record(), record(image="gone.png"), record(unit="inch"))
    with pytest.raises(CorpusError, match=r"(?s)line 2.*gone\.png.*line 3.*unit"):
        a_reader("pageloom.Jsonl.v1", path, keep=keep)(nlp)


@pytest.mark.parametrize("keep", [True, False])
def test_documents_are_read_once_or_at_each_call(keep, tmp_path, nlp):
    path = corpora.jsonl(tmp_path, record(id="a"), record(id="b"), record(id="c"))
    reader = a_reader("pageloom.Jsonl.v1", path, keep=keep, limit=2)
    first = [pair.reference for pair in reader(nlp)]
    second = [pair.reference for pair in reader(nlp)]
    assert len(first) == len(second) == 2
    assert (first[0] is second[0]) == keep
    other = spacy.blank("xx")
    assert all(pair.reference.vocab is other.vocab for pair in reader(other))


def test_labels_in_a_config(tmp_path, nlp):
    reader = a_reader("pageloom.Jsonl.v1", corpora.jsonl(tmp_path), labels=["company"])
    with pytest.raises(CorpusError, match="label 'total'"):
        reader(nlp)


def test_without_a_path():
    config = Config().from_str('[a]\n@readers = "pageloom.Jsonl.v1"\npath = null\n')
    with pytest.raises(ValueError, match=r"no path; give it in the config, or as --paths\.train"):
        registry.resolve(config)


def test_both_corpora_of_a_training_config(tmp_path, nlp):
    text = f"""
        [paths]
        train = {json.dumps(str(corpora.jsonl(tmp_path, record(), record())))}
        [corpora]
        [corpora.train]
        @readers = "pageloom.Jsonl.v1"
        path = ${{paths.train}}
        [corpora.dev]
        @readers = "pageloom.Jsonl.v1"
        path = ${{paths.train}}
        limit = 1
    """
    config = Config().from_str("\n".join(line.strip() for line in text.splitlines()))
    train, dev = resolve_dot_names(config, ["corpora.train", "corpora.dev"])
    assert (len(list(train(nlp))), len(list(dev(nlp)))) == (2, 1)


def test_naming_the_readers_imports_nothing_heavy():
    program = """
import sys
from spacy import registry
for name in ("Cord", "DocBin", "Funsd", "Jsonl", "LabelStudio", "Sroie", "Xfund"):
    assert registry.readers.get(f"pageloom.{name}.v1").__module__ == "pageloom.corpus.readers"
print([name for name in sys.modules if name.startswith("pageloom.corpus.") or name == "PIL"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "['pageloom.corpus.readers']\n", done.stderr


class TestConvert:
    def run(self, *arguments):
        return RUN.invoke(app, ["convert", *map(str, arguments)])

    @pytest.mark.parametrize("name", NAMES)
    def test_any_format_to_docbin_and_back(self, name, tmp_path, nlp):
        path, target = corpora.WRITERS[name](tmp_path), tmp_path / "out" / "train.spacy"
        done = self.run(name, path, target)
        assert (done.exit_code, done.stdout) == (0, f"{target}: 1 document\n"), done.output
        (pair,) = a_reader("pageloom.DocBin.v1", target)(nlp)
        (direct,) = a_reader(NAMES[name], path)(nlp)
        assert pair.reference.to_json() == direct.reference.to_json()
        assert pair.reference._.pages == direct.reference._.pages
        assert pair.reference._.answers == direct.reference._.answers
        assert [t._.box for t in pair.predicted] == [t._.box for t in direct.predicted]

    def test_words_that_nobody_knows_stay_so(self, tmp_path, nlp):
        folder = corpora.sroie(tmp_path)
        item = json.loads((folder / "receipts.jsonl").read_text("utf8"))
        item["lines"].append({"text": "Corner Shop", "box": [20, 300, 130, 320]})
        corpora.put(folder / "receipts.jsonl", item)
        self.run("sroie", folder, tmp_path / "x.spacy")
        (pair,) = a_reader("pageloom.DocBin.v1", tmp_path / "x.spacy")(nlp)
        tags = pair.get_aligned_ner()
        assert tags[:4] == ["B-company", "L-company", "O", "U-total"]
        assert set(tags[4:]) <= {None, "-"}

    def test_bad_records(self, tmp_path):
        path = corpora.jsonl(tmp_path, record(id="a"), record(id="b", image="gone.png"))
        target = tmp_path / "x.spacy"
        done = self.run("jsonl", path, target)
        assert done.exit_code == 1
        assert f"error: {path}, line 2 (id b): its image" in done.stderr
        assert not target.exists()
        done = self.run("jsonl", path, target, "--skip-bad")
        assert (done.exit_code, done.stdout) == (0, f"{target}: 1 document\n")
        assert f"left out: {path}, line 2 (id b)" in done.stderr

    def test_without_images(self, tmp_path):
        path = corpora.sroie(tmp_path)
        (tmp_path / "img" / "000.jpg").unlink()
        assert self.run("sroie", path, tmp_path / "x.spacy").exit_code == 1
        assert self.run("sroie", path, tmp_path / "x.spacy", "--no-images").exit_code == 0

    def test_labels_that_are_no_entity(self, tmp_path, nlp):
        path, target = corpora.label_studio(tmp_path), tmp_path / "x.spacy"
        assert self.run("label-studio", path, target, "--outside", "company").exit_code == 0
        (pair,) = a_reader("pageloom.DocBin.v1", target)(nlp)
        assert [entity.label_ for entity in pair.reference.ents] == ["total"]

    def test_for_another_machine(self, tmp_path):
        path, target = corpora.jsonl(tmp_path), tmp_path / "x.spacy"
        assert self.run("jsonl", path, target, "--embed-images").exit_code == 0
        (tmp_path / "receipt.png").unlink()
        assert docbin.check(target) == []

    def test_a_split(self, tmp_path, nlp):
        def numbered(n):
            words = [f"word{n}", *WORDS[1:]]
            return record(id=n, words=words, boxes=corpora.PIXELS)

        path = corpora.jsonl(tmp_path, *map(numbered, range(10)), numbered(0))
        done = self.run("jsonl", path, tmp_path / "x.spacy", "--split", "0.7,0.2,0.1")
        assert done.exit_code == 0, done.output
        parts = []
        for part in ("train", "dev", "test"):
            stored = DocBin().from_disk(tmp_path / f"x-{part}.spacy")
            parts.append([doc[0].text for doc in stored.get_docs(nlp.vocab)])
        assert sorted(word for part in parts for word in part) == sorted(
            [*(f"word{n}" for n in range(10)), "word0"]
        )
        assert [len(part) for part in parts] == pytest.approx([8, 2, 1], abs=1)
        # The two that are the same lie together.
        assert sorted(part.count("word0") for part in parts) == [0, 0, 2]

    @pytest.mark.parametrize("shares", ["0.5", "0.5,0.6", "a,b", "1.0,0.0"])
    def test_a_split_that_is_none(self, shares, tmp_path):
        target = tmp_path / "x.spacy"
        done = self.run("jsonl", corpora.jsonl(tmp_path), target, "--split", shares)
        assert done.exit_code == 2
        assert "error: " in done.stderr

    def test_a_format_that_is_none(self, tmp_path):
        done = self.run("coco", tmp_path, tmp_path / "x.spacy")
        assert done.exit_code == 2
        assert "there is no format 'coco'; use one of cord, docbin, funsd" in done.stderr

    def test_the_schema(self):
        assert json.loads(RUN.invoke(app, ["corpus-schema"]).stdout) == jsonl.json_schema()


def test_a_part_does_not_depend_on_the_order(nlp):
    docs = [nlp.make_doc(f"document {n}") for n in range(20)]
    forth, back = divide(docs, [0.8, 0.2]), divide(docs[::-1], [0.8, 0.2])
    assert [{doc.text for doc in part} for part in forth] == [
        {doc.text for doc in part} for part in back
    ]
    assert [len(part) for part in forth] == [16, 4]
