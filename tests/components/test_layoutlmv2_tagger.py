"""`layout_tokenizer` and `layoutlmv2_tagger` in spaCy pipelines, from real files to fields."""

import os
import subprocess
import sys
import textwrap

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from spacy.tokens import Doc, DocBin, Span

from pageloom import Field, open_document
from pageloom.pipes.layoutlmv2_tagger import LayoutLMv2Tagger
from pageloom.processing import LayoutLMv2Tokenizer
from tests.tagged import READER, SMALL, VOCAB, a_doc, assert_consistent, tags


@pytest.fixture(scope="session")
def pipeline(tiny_tagger):
    """A whole pipeline, from paths to fields."""

    def make(*, layout_tokenizer=True, ocr=None, **tagger):
        nlp = spacy.blank("en", config=READER)
        nlp.add_pipe("ocr", config=ocr or {})
        if layout_tokenizer:
            nlp.add_pipe(
                "layout_tokenizer",
                config={"tokenizer": str(tiny_tagger), "max_length": 64, "stride": 16},
            )
        nlp.add_pipe("layoutlmv2_tagger", config={"model": str(tiny_tagger), **SMALL, **tagger})
        return nlp

    return make


@pytest.fixture(scope="session")
def nlp(pipeline):
    return pipeline()


class TestRealDocuments:
    def test_a_path_in_fields_out(self, nlp, documents):
        for path in documents:
            doc = nlp(path)
            assert doc._.status == "ok"
            assert doc._.source == path
            assert_consistent(doc)
            assert [(e.start, e.end, e.label_) for e in doc.ents] == [t[:3] for t in tags(doc)]
            assert doc._.fields

    def test_a_stream_keeps_order_context_and_results(self, nlp, documents):
        alone = [tags(nlp(path)) for path in documents]
        assert [tags(doc) for doc in nlp.pipe(documents)] == alone
        pairs = list(
            nlp.pipe([(path, {"n": i}) for i, path in enumerate(documents)], as_tuples=True)
        )
        assert [context for _, context in pairs] == [{"n": 0}, {"n": 1}, {"n": 2}]
        assert [tags(doc) for doc, _ in pairs] == alone

    def test_pages_are_tagged_apart_and_an_empty_one_is_no_error(self, nlp, documents):
        doc = nlp(documents[2])
        assert [page.number for page in doc._.pages] == [1, 2, 3]
        assert {token._.page for token in doc} == {1, 3}
        assert {field.page for values in doc._.fields.values() for field in values} == {1, 3}
        (tokens,) = doc._.layout_tokens.values()
        assert list(tokens["pages"]).count(1) > 1  # longer than one window
        assert list(tokens["pages"]).count(2) == 0

    def test_a_corrupt_file_takes_nothing_with_it(self, nlp, documents, write):
        corrupt = str(write("torn.pdf", b"%PDF-1.7 torn"))
        docs = list(nlp.pipe([documents[0], corrupt, "no/such/file.png", documents[1]]))
        assert [doc._.status for doc in docs] == ["ok", "failed", "failed", "ok"]
        assert [doc._.errors[0].component for doc in docs[1:3]] == ["reader", "reader"]
        assert tags(docs[0]) == tags(nlp(documents[0]))
        assert tags(docs[3]) == tags(nlp(documents[1]))
        assert [dict(doc._.fields) for doc in docs[1:3]] == [{}, {}]

    def test_two_processes_give_the_same(self, nlp, documents):
        alone = [tags(doc) for doc in nlp.pipe(documents)]  # the parent's model has run before
        docs = list(nlp.pipe(documents, n_process=2, batch_size=1))
        assert [tags(doc) for doc in docs] == alone
        for doc in docs:
            assert_consistent(doc)

    @pytest.mark.slow
    def test_a_forked_process_does_not_wait_for_its_parents_threads(
        self, tiny_tagger, documents, tmp_path
    ):
        program = tmp_path / "program.py"
        program.write_text(
            textwrap.dedent(f"""
                import spacy, torch
                from spacy.language import Language

                @Language.component("busy")
                def busy(doc):
                    assert torch.rand(1_000_000).exp().isfinite().all()  # enough for two threads
                    return doc

                torch.set_num_threads(2)
                nlp = spacy.blank("en", config={READER!r})
                nlp.add_pipe("ocr", config={{"mode": "skip"}})
                nlp.add_pipe("layoutlmv2_tagger", config={dict(SMALL, model=str(tiny_tagger))!r})
                nlp.add_pipe("busy")
                first = [len(doc.ents) for doc in nlp.pipe({documents!r})]
                docs = nlp.pipe({documents!r}, n_process=2, batch_size=1)
                assert first == [len(doc.ents) for doc in docs]
                print("the same", first)
            """)
        )
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        done = subprocess.run(
            [sys.executable, program], env=environment, capture_output=True, text=True, timeout=150
        )
        assert "the same" in done.stdout, done.stderr

    def test_a_docbin_keeps_all_of_it(self, nlp, documents, tmp_path):
        docs = list(nlp.pipe(documents))
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "shard.spacy")
        for before, after in zip(
            docs, DocBin().from_disk(tmp_path / "shard.spacy").get_docs(VOCAB), strict=True
        ):
            assert tags(after) == tags(before)
            assert after._.fields == before._.fields
            assert after._.pages == before._.pages
            assert after._.status == "ok"
            assert [ent.label_ for ent in after.ents] == [ent.label_ for ent in before.ents]
            assert_consistent(after)

    def test_a_shard_of_a_cpu_task_is_tagged_by_another(
        self, nlp, documents, tiny_tagger, tmp_path
    ):
        with nlp.select_pipes(disable="layoutlmv2_tagger"):
            prepared = DocBin(docs=list(nlp.pipe(documents)), store_user_data=True).to_bytes()
        gpu = spacy.blank("en")
        gpu.add_pipe("layoutlmv2_tagger", config={"model": str(tiny_tagger), **SMALL})
        docs = list(gpu.pipe(DocBin().from_bytes(prepared).get_docs(gpu.vocab)))
        assert [tags(doc) for doc in docs] == [tags(nlp(path)) for path in documents]


class TestAnyInput:
    def test_no_words(self, tagger):
        doc = tagger(a_doc([]))
        assert (doc._.status, doc._.fields, list(doc.ents), tags(doc)) == ("ok", {}, [], [])

    def test_a_page_of_20_000_words(self, tagger):
        doc = tagger(a_doc(["total", "shop", "due", "page"] * 5000))
        assert_consistent(doc)
        last = max(field.end for values in doc._.fields.values() for field in values)
        assert last > 19_900

    @given(
        st.lists(
            st.lists(st.sampled_from(["total", "x", "12.50", " ", "é", "a" * 30]), max_size=50)
        )
    )
    @settings(max_examples=10)
    def test_a_result_does_not_depend_on_the_batch(self, tagger, documents):
        alone = [tags(tagger(a_doc(words))) for words in documents]
        together = list(tagger.pipe(map(a_doc, documents), batch_size=1000))
        assert [tags(doc) for doc in together] == alone
        for doc in together:
            assert_consistent(doc)

    def test_no_entity_straddles_pages_even_where_they_come_back(self, tagger):
        doc = tagger(a_doc(["total"] * 30, [1] * 5 + [2] * 5 + [1] * 10 + [3] * 10))
        assert tags(doc)
        assert_consistent(doc)

    def test_a_page_whose_picture_is_gone(self, tagger, tmp_path):
        sources = []
        for name, colour in (("here.png", "white"), ("gone.png", "beige")):
            Image.new("RGB", (60, 80), colour).save(tmp_path / name)
            sources.append(open_document(tmp_path / name, VOCAB))
        (tmp_path / "gone.png").unlink()
        docs = list(tagger.pipe([a_doc(["total"] * 5, source=source) for source in sources]))
        assert [doc._.status for doc in docs] == ["ok", "partial"]
        assert tags(docs[0])
        assert tags(docs[1]) == []
        (error,) = docs[1]._.errors
        assert (error.component, error.category, error.page) == ("layoutlmv2_tagger", "missing", 1)
        assert "gone.png" in error.message

    def test_one_page_of_several_is_gone(self, tagger):
        doc = a_doc(["total"] * 9, [1] * 3 + [2] * 3 + [3] * 3)
        doc._.pages = [page for page in doc._.pages if page.number != 2]
        tagger(doc)
        assert [error.page for error in doc._.errors] == [2]
        assert {field.page for values in doc._.fields.values() for field in values} <= {1, 3}

    def test_a_doc_that_was_never_a_document(self, tagger):
        doc = tagger(Doc(VOCAB, words=["just", "text"]))
        (error,) = doc._.errors
        assert "open_document" in error.message
        assert tags(doc) == []

    def test_a_failure_of_one_document_is_its_own(self, tiny_tagger):
        tagger = LayoutLMv2Tagger(model=str(tiny_tagger), **SMALL)
        docs = [a_doc(["total"] * n) for n in (3, 7, 5)]
        poison = [len(tagger.engine.tokenizer.subwords(["total"] * 7)[0]) + 2]

        def refuse(_, __, inputs):
            if inputs["attention_mask"].sum(1).tolist().count(poison[0]):
                raise KeyError("seven")

        tagger.engine.model.register_forward_pre_hook(refuse, with_kwargs=True)
        done = list(tagger.pipe(docs))
        assert [doc._.status for doc in done] == ["ok", "partial", "ok"]
        assert done[1]._.errors[0].category == "unexpected"
        assert "KeyError" in done[1]._.errors[0].message
        assert tags(done[0])
        assert tags(done[2])
        assert tagger(a_doc(["total"] * 7))._.status == "partial"

    def test_a_pipelines_error_handler_is_told(self, tiny_tagger, pipeline, documents):
        nlp = pipeline()
        nlp.get_pipe("layoutlmv2_tagger").engine.model.register_forward_pre_hook(
            lambda *_: {}["nothing"]
        )
        told = []
        nlp.set_error_handler(lambda name, proc, docs, error: told.append((name, len(docs))))
        docs = list(nlp.pipe(documents[:2]))
        assert told == [("layoutlmv2_tagger", 1)] * 2
        assert [doc._.status for doc in docs] == ["partial", "partial"]

    def test_results_come_before_the_stream_ends(self, tagger):
        taken = []

        def stream():
            for n in range(400):
                taken.append(n)
                yield a_doc(["total"] * 10)

        first = next(iter(tagger.pipe(stream(), batch_size=1000)))
        assert tags(first)
        assert len(taken) < 100


class TestSettings:
    def test_threshold(self, tiny_tagger, tagger):
        words = ["total", "due", "12.50", "shop", "street"] * 8
        scores = sorted(score for *_, score in tags(tagger(a_doc(words))))
        middle = scores[len(scores) // 2] + 0.0005
        strict = LayoutLMv2Tagger(model=str(tiny_tagger), threshold=middle, **SMALL)
        assert [s for *_, s in tags(strict(a_doc(words)))] == [
            s for *_, s in tags(tagger(a_doc(words))) if s >= middle
        ]
        assert (
            tags(LayoutLMv2Tagger(model=str(tiny_tagger), threshold=1, **SMALL)(a_doc(words))) == []
        )

    def test_spans_key_and_no_ents(self, tiny_tagger):
        tagger = LayoutLMv2Tagger(
            "mine", model=str(tiny_tagger), spans_key="fields", set_ents=False, **SMALL
        )
        doc = tagger(a_doc(["total"] * 5))
        assert_consistent(doc, "fields")
        assert doc.spans["fields"].name == "fields"
        assert "mine" not in doc.spans
        assert not doc.ents

    def test_the_spans_key_is_the_components_name(self, tiny_tagger):
        nlp = spacy.blank("en")
        nlp.add_pipe("layoutlmv2_tagger", "second", config={"model": str(tiny_tagger), **SMALL})
        assert list(nlp(a_doc(["total"])).spans) == ["second"]

    def test_entities_of_others_stay_where_there_is_room(self, tiny_tagger, tagger):
        words = ["total", "due", "12.50", "shop", "street"] * 5
        best = max(score for *_, score in tags(tagger(a_doc(words))))
        picky = LayoutLMv2Tagger(model=str(tiny_tagger), threshold=best - 0.001, **SMALL)
        ((start, end, _, _), *_) = tags(picky(a_doc(words)))
        doc = a_doc(words)
        doc.ents = [Span(doc, i, i + 1, label="MINE") for i in range(len(doc))]
        picky(doc)
        mine = [ent.start for ent in doc.ents if ent.label_ == "MINE"]
        taken = {i for start, end, *_ in tags(doc) for i in range(start, end)}
        assert set(range(start, end)) <= taken
        assert mine == [i for i in range(len(doc)) if i not in taken]
        assert 0 < len(mine) < len(doc)

    def test_fields_of_other_labels_stay_and_its_own_are_replaced(self, tagger):
        doc = a_doc(["total"] * 6)
        doc._.fields["vat"] = [Field("7%", 1.0, 1, None, 0, 1)]
        once = {label: list(values) for label, values in tagger(doc)._.fields.items()}
        again = tagger(doc)._.fields
        assert again == once
        assert again["vat"][0].text == "7%"

    def test_labels(self, tagger):
        assert tagger.labels == ("company", "date", "address", "total")

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"stride": 62}, "stride 62"),
            ({"threshold": 1.5}, "threshold=1.5"),
            ({"batch_tokens": 0}, "batch_tokens=0"),
            ({"device": "abacus"}, "device 'abacus'"),
            ({"dtype": "int4"}, "dtype 'int4'"),
        ],
    )
    def test_a_wrong_one_is_told_at_once(self, tiny_tagger, settings, message):
        with pytest.raises(ValueError, match=message):
            spacy.blank("en").add_pipe(
                "layoutlmv2_tagger", config={"model": str(tiny_tagger), **SMALL, **settings}
            )

    def test_bfloat16_tags_nearly_alike(self, tiny_tagger, tagger):
        words = ["total", "due", "12.50", "shop", "street"] * 8
        half = LayoutLMv2Tagger(model=str(tiny_tagger), **{**SMALL, "dtype": "bf16"})
        ours = {row[:3] for row in tags(half(a_doc(words)))}
        theirs = {row[:3] for row in tags(tagger(a_doc(words)))}
        assert len(ours & theirs) > 0.7 * len(theirs)


class Counting(LayoutLMv2Tokenizer):
    calls = 0

    def subwords(self, words):
        Counting.calls += 1
        return super().subwords(words)


class TestLayoutTokens:
    def test_words_are_tokenized_once(self, pipeline, tiny_tagger, documents):
        nlp = pipeline()
        counting = Counting.from_pretrained(tiny_tagger)
        nlp.get_pipe("layoutlmv2_tagger").checkpoint._tokenizer = counting
        nlp.get_pipe("layout_tokenizer")._tokenizer = counting
        Counting.calls = 0
        doc = nlp(documents[0])
        assert Counting.calls == 1
        assert list(doc._.layout_tokens) == [counting.fingerprint]

    def test_without_a_layout_tokenizer_the_tagger_encodes_alike(self, pipeline, nlp, documents):
        for doc in pipeline(layout_tokenizer=False).pipe(documents):
            assert tags(doc) == tags(nlp(doc._.source))

    def test_windows_that_are_too_long_for_the_model_are_made_anew(self, tiny_tagger, tagger):
        nlp = spacy.blank("en")
        nlp.add_pipe("layout_tokenizer", config={"tokenizer": str(tiny_tagger)})
        doc = nlp(a_doc(["total"] * 100))
        (before,) = doc._.layout_tokens.values()
        assert before["ends"].tolist() == [100]
        tagger(doc)
        assert doc._.status == "ok"
        assert tags(doc) == tags(tagger(a_doc(["total"] * 100)))

    @pytest.mark.parametrize("kept", [{}, {"words": 3}, 7])
    def test_windows_that_are_none_are_the_documents_own_error(self, tiny_tagger, tagger, kept):
        doc = a_doc(["total"] * 3)
        doc._.layout_tokens[tagger.engine.tokenizer.fingerprint] = kept
        nlp = spacy.blank("en")
        nlp.add_pipe("layout_tokenizer", config={"tokenizer": str(tiny_tagger)})
        assert nlp(doc)._.errors[0].component == "layout_tokenizer"
        assert tagger(doc)._.errors[-1].component == "layoutlmv2_tagger"
