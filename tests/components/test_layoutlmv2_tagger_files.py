"""`layoutlmv2_tagger` on disk and in bytes; and models that it cannot use."""

import pickle
import shutil
import subprocess
import sys
import textwrap

import pytest
import spacy
import torch
from spacy.lang.en import English

from pageloom import CheckpointError
from pageloom.models import (
    LayoutLMv2Config,
    LayoutLMv2ForSequenceClassification,
    LayoutLMv2ForTokenClassification,
)
from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger
from pageloom.processing import LayoutLMv2Tokenizer
from tests.tagged import READER, SMALL, a_doc, assert_consistent, tags


class TestOnDisk:
    def test_the_folder_is_a_checkpoint(self, tagger, tmp_path):
        import transformers

        tagger.to_disk(tmp_path)
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
            file.name for file in tmp_path.iterdir()
        }
        ours = LayoutLMv2ForTokenClassification.from_pretrained(tmp_path)
        for name, tensor in tagger.checkpoint.model.state_dict().items():
            assert torch.equal(ours.state_dict()[name], tensor)
        theirs = transformers.LayoutLMv2Tokenizer.from_pretrained(str(tmp_path))
        words, boxes = ["total", "12.50"], [[1, 2, 3, 4]] * 2
        assert (
            theirs(words, boxes=boxes)["input_ids"]
            == LayoutLMv2Tokenizer.from_pretrained(tmp_path)(words, boxes=boxes)["input_ids"]
        )

    def test_a_saved_pipeline_needs_the_original_no_more(self, tiny_tagger, tmp_path, documents):
        original = shutil.copytree(tiny_tagger, tmp_path / "original")
        nlp = spacy.blank("en", config=READER)
        nlp.add_pipe("ocr")
        nlp.add_pipe(
            "layout_tokenizer", config={"tokenizer": str(original), "max_length": 64, "stride": 16}
        )
        nlp.add_pipe("layoutlmv2_tagger", config={"model": str(original), **SMALL})
        expected = tags(nlp(documents[0]))
        nlp.to_disk(tmp_path / "saved")
        data = nlp.to_bytes()
        nlp.to_disk(tmp_path / "saved")  # over itself, while its files are mapped
        shutil.rmtree(original)
        loaded = spacy.load(tmp_path / "saved")
        assert tags(loaded(documents[0])) == expected
        assert loaded.meta["labels"]["layoutlmv2_tagger"] == ["company", "date", "address", "total"]
        loaded.to_disk(tmp_path / "saved")
        assert tags(spacy.load(tmp_path / "saved")(documents[0])) == expected
        fresh = English.from_config(nlp.config)
        assert tags(fresh.from_bytes(data)(documents[0])) == expected

    def test_pickle(self, tiny_tagger, tmp_path):
        original = shutil.copytree(tiny_tagger, tmp_path / "original")
        tagger = LayoutLMv2Tagger(model=str(original), threshold=0.1, **SMALL)
        unused = pickle.dumps(tagger)
        expected = tags(tagger(a_doc(["total"] * 9)))
        used = pickle.dumps(tagger)
        shutil.rmtree(original)
        for data in (unused, used):
            again = pickle.loads(pickle.dumps(pickle.loads(data)))
            assert again.threshold == 0.1
            assert tags(again(a_doc(["total"] * 9))) == expected

    def test_a_component_without_a_model_can_be_pickled(self):
        tagger = pickle.loads(pickle.dumps(LayoutLMv2Tagger(model="/no/such/folder")))
        with pytest.raises(CheckpointError, match="/no/such/folder"):
            tagger.engine  # noqa: B018

    def test_bytes(self, tagger):
        other = LayoutLMv2Tagger(model="/no/such/folder", **SMALL).from_bytes(tagger.to_bytes())
        assert tags(other(a_doc(["total"] * 9))) == tags(tagger(a_doc(["total"] * 9)))
        assert other.to_bytes() == tagger.to_bytes()
        with pytest.raises(CheckpointError, match="not a component's files"):
            other.from_bytes(b"torn")

    @pytest.mark.slow
    def test_spacy_assemble_from_a_config_alone(self, tiny_tagger, tmp_path, documents):
        config = tmp_path / "fields.cfg"
        config.write_text(
            textwrap.dedent(f"""
                [nlp]
                lang = "en"
                pipeline = ["ocr", "layout_tokenizer", "layoutlmv2_tagger"]

                [nlp.tokenizer]
                @tokenizers = "pageloom.DocumentReader.v1"
                dpi = 150

                [components]

                [components.ocr]
                factory = "ocr"

                [components.layout_tokenizer]
                factory = "layout_tokenizer"
                tokenizer = "{tiny_tagger}"
                max_length = 64
                stride = 16

                [components.layoutlmv2_tagger]
                factory = "layoutlmv2_tagger"
                model = "{tiny_tagger}"
                max_length = 64
                stride = 16
                dtype = "float32"
            """)
        )
        done = subprocess.run(
            [sys.executable, "-m", "spacy", "assemble", str(config), str(tmp_path / "out")],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        loaded = spacy.load(tmp_path / "out")
        assert loaded.tokenizer.dpi == 150
        doc = loaded(documents[0])
        assert_consistent(doc)
        assert doc._.fields


class TestWrongModels:
    def use(self, folder, **settings):
        nlp = spacy.blank("en")
        nlp.add_pipe("layoutlmv2_tagger", config={"model": str(folder), **SMALL, **settings})
        return nlp(a_doc(["total"]))

    def test_no_such_folder(self, tmp_path):
        with pytest.raises(CheckpointError, match="nowhere: there is no such folder"):
            self.use(tmp_path / "nowhere")

    def test_no_such_packaged_model(self):
        with pytest.raises(CheckpointError, match="no packaged model 'nothing'"):
            self.use("pageloom/nothing")

    def test_a_missing_model_is_told_before_any_document_is_read(self, tmp_path):
        tagger = LayoutLMv2Tagger(model=str(tmp_path / "nowhere"))
        read = []
        with pytest.raises(CheckpointError):
            next(tagger.pipe(read.append(1) or a_doc(["total"]) for _ in range(3)))
        assert not read

    def test_another_head(self, tiny_tagger, tmp_path):
        config = LayoutLMv2Config.from_pretrained(tiny_tagger)
        LayoutLMv2ForSequenceClassification(config).initialise_all().save_pretrained(tmp_path)
        with pytest.raises(
            CheckpointError,
            match=r"LayoutLMv2 sequence classification model; layoutlmv2_tagger needs a "
            "LayoutLMv2 token classification model",
        ):
            self.use(tmp_path)

    def test_a_folder_without_a_tokenizer(self, tiny_tagger, tmp_path):
        for name in ("config.json", "model.safetensors"):
            shutil.copy(tiny_tagger / name, tmp_path)
        with pytest.raises(CheckpointError, match=r"neither tokenizer.json, nor vocab.txt"):
            self.use(tmp_path)

    def test_a_tokenizer_larger_than_the_vocabulary(self, tiny_tagger, tmp_path):
        folder = shutil.copytree(tiny_tagger, tmp_path / "model")
        tokenizer = LayoutLMv2Tokenizer.from_pretrained(tiny_tagger)
        vocab = tokenizer.get_vocab()
        LayoutLMv2Tokenizer({**vocab, "extra": len(vocab)}).save_pretrained(folder)
        with pytest.raises(
            CheckpointError, match=f"{len(vocab) + 1} subwords.*embeds {len(vocab)}"
        ):
            self.use(folder)

    def test_windows_beyond_the_positions(self, tiny_tagger):
        with pytest.raises(CheckpointError, match=r"positions for 64.*max_length, now 512"):
            self.use(tiny_tagger, max_length=512)

    def test_labels_with_a_gap(self, tiny_tagger, tmp_path):
        folder = shutil.copytree(tiny_tagger, tmp_path / "model")
        text = (folder / "config.json").read_text().replace('"8": ', '"9": ')
        (folder / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match="id2label must number its labels from 0"):
            self.use(folder)

    def test_a_layout_tokenizer_without_a_tokenizer(self, tmp_path):
        nlp = spacy.blank("en")
        nlp.add_pipe("layout_tokenizer", config={"tokenizer": str(tmp_path / "nowhere")})
        with pytest.raises(CheckpointError, match="nowhere"):
            nlp(a_doc(["total"]))
