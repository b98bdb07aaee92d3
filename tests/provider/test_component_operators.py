"""The operators of one component each, on real documents, with tiny models of random weights."""

import inspect
import json
from pathlib import Path

import pytest
import spacy

from pageloom_provider import operators
from pageloom_provider.operators import (
    DocumentClassifierOperator,
    LayoutLMv2TaggerOperator,
    LayoutQuestionAnsweringOperator,
    LayoutTokenizerOperator,
    LiltTaggerOperator,
    OcrOperator,
    PipelineOperator,
    ViltVqaOperator,
)
from pageloom_provider.shards import read_manifest
from pageloom_provider.storage import location
from pageloom_provider.worker import read_docs
from tests.tiny_lilt import write_lilt
from tests.tiny_vilt import tiny

FACTORIES = {
    DocumentClassifierOperator: "document_classifier",
    LayoutLMv2TaggerOperator: "layoutlmv2_tagger",
    LayoutQuestionAnsweringOperator: "lilt_qa",
    LayoutTokenizerOperator: "layout_tokenizer",
    LiltTaggerOperator: "lilt_tagger",
    OcrOperator: "ocr",
    ViltVqaOperator: "vilt_vqa",
}
SMALL = {"max_length": 64, "stride": 16, "dtype": "float32", "device": "cpu"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The folders of a LiLT tagger, classifier and answerer, and of a ViLT answerer."""
    from pageloom.models import (
        LiltForQuestionAnswering,
        LiltForSequenceClassification,
        LiltForTokenClassification,
    )
    from pageloom.processing import BertTokenizer, ViltImageProcessor, ViltProcessor

    folder = tmp_path_factory.mktemp("models")
    write_lilt(folder / "tagger", LiltForTokenClassification, ("O", "B-total", "I-total"))
    write_lilt(folder / "classifier", LiltForSequenceClassification, ("invoice", "letter"))
    write_lilt(folder / "answerer", LiltForQuestionAnswering, ("start", "end"))
    labels = dict(enumerate(("yes", "no", "one", "two", "three")))
    tiny("ViltForQuestionAnswering", id2label=labels).save_pretrained(folder / "vqa")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "how", "many", "pages", "?"]
    tokenizer = BertTokenizer({piece: at for at, piece in enumerate(pieces)}, model_max_length=16)
    ViltProcessor(ViltImageProcessor(size=24, size_divisor=8), tokenizer).save_pretrained(
        folder / "vqa"
    )
    return folder


@pytest.fixture
def words(tmp_path, listed, context):
    """The shard of three one-page documents with their words."""
    return OcrOperator(
        task_id="ocr", work=str(tmp_path / "work"), documents=listed, mode="skip"
    ).execute(context)


def docs(shard):
    return list(read_docs(location(shard["uri"]), spacy.blank("xx").vocab))


def test_lilt_tags_words_and_the_manifest_names_its_model(words, models, tmp_path, context):
    shard = LiltTaggerOperator(
        task_id="tag", work=str(tmp_path), shard=words, model=str(models / "tagger"), **SMALL
    ).execute(context)
    assert shard["documents"] == 3
    assert {label for doc in docs(shard) for label in doc._.fields} == {"total"}
    manifest = read_manifest(location(shard["uri"]))
    name, _, version = manifest.steps[-1].models["lilt_tagger.model"].rpartition("@")
    assert (name, len(version)) == (str(models / "tagger"), 12)
    assert manifest.devices == {"lilt_tagger": "cpu float32"}
    assert list(manifest.stages) == ["reader", "lilt_tagger"]
    assert 0 < sum(manifest.stages.values()) <= manifest.seconds


def test_a_classifier_gives_each_class_its_probability(words, models, tmp_path, context):
    model = str(models / "classifier")
    shard = DocumentClassifierOperator(
        task_id="classify", work=str(tmp_path), shard=words, model=model, **SMALL
    ).execute(context)
    for doc in docs(shard):
        assert set(doc.cats) == {"invoice", "letter"}
        assert sum(doc.cats.values()) == pytest.approx(1)


def test_a_question_is_answered_with_words_of_the_document(words, models, tmp_path, context):
    shard = LayoutQuestionAnsweringOperator(
        task_id="ask",
        work=str(tmp_path),
        shard=words,
        architecture="lilt",
        model=str(models / "answerer"),
        questions=["What is the total?"],
        top_k=2,
        max_answer_length=2,
        **SMALL,
    ).execute(context)
    for doc in docs(shard):
        assert {answer.question for answer in doc._.answers} == {"What is the total?"}
        assert len(doc._.answers) == 2
        for answer in doc._.answers:
            assert answer.text == doc[answer.start : answer.end].text
            assert 1 <= answer.end - answer.start <= 2


def test_a_question_is_answered_by_looking_at_pages(listed, models, tmp_path, context):
    shard = ViltVqaOperator(
        task_id="look",
        work=str(tmp_path),
        documents=listed,
        model=str(models / "vqa"),
        questions=["how many pages?"],
        dtype="float32",
    ).execute(context)
    assert (shard["documents"], shard["failed"]) == (3, 1)
    for doc in docs(shard):
        [answer] = doc._.answers
        assert answer.text in ("yes", "no", "one", "two", "three")
        assert (answer.page, len(doc)) == (1, 0)


def test_an_unknown_architecture_is_named(context):
    asked = LayoutQuestionAnsweringOperator(
        task_id="ask", work="w", documents=[], architecture="vilt"
    )
    with pytest.raises(ValueError, match="ask: architecture is 'lilt' or 'layoutlmv2', not 'vilt'"):
        asked.execute(context)


@pytest.mark.parametrize("architecture", ["lilt", "layoutlmv2"])
def test_questions_are_answered_by_the_packaged_models(words, tmp_path, context, architecture):
    shard = LayoutQuestionAnsweringOperator(
        task_id="ask",
        work=str(tmp_path),
        shard=words,
        architecture=architecture,
        questions=["What is the total?"],
    ).execute(context)
    found = {doc._.answers[0].text for doc in docs(shard)}
    assert len(found & {"10.50", "20.00"}) >= 1


def own_settings(operator):
    """The arguments of an operator that `PipelineOperator` does not have."""
    return [
        name for name in operator.template_fields if name not in PipelineOperator.template_fields
    ]


@pytest.mark.parametrize(("operator", "factory"), FACTORIES.items())
def test_an_operator_has_the_settings_of_its_component_and_no_others(operator, factory):
    from pageloom.pipes import factories

    settings = set(inspect.signature(getattr(factories, factory)).parameters) - {"nlp", "name"}
    settings -= {"label_all_subwords", "label_smoothing", "class_weights"}  # of training
    assert set(own_settings(operator)) - {"architecture"} == settings


@pytest.mark.parametrize(("operator", "factory"), FACTORIES.items())
def test_an_operator_passes_on_what_it_was_given(operator, factory):
    assert operator(task_id="a", work="w").pipeline_components() == [{factory: {}}]
    values = {name: f"any {name}" for name in own_settings(operator) if name != "architecture"}
    made = operator(task_id="a", work="w", **values)
    assert made.pipeline_components() == [{factory: values}]
    # No, nothing and zero are given values, not left out ones.
    zeros = {name: (False, 0, "", [])[at % 4] for at, name in enumerate(values)}
    assert operator(task_id="a", work="w", **zeros).pipeline_components() == [{factory: zeros}]


@pytest.mark.parametrize("operator", [PipelineOperator, *FACTORIES])
def test_every_argument_is_templated_and_only_assigned(operator):
    arguments = {
        name
        for kind in operator.__mro__[: operator.__mro__.index(PipelineOperator) + 1]
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert arguments == set(operator.template_fields)
    value = object()
    made = operator(task_id="task", **dict.fromkeys(arguments, value))
    assert all(getattr(made, name) is value for name in arguments)


def test_every_operator_survives_the_way_to_the_scheduler_and_back():
    """Airflow keeps DAGs as JSON: what an operator is given must go through it."""
    from airflow.sdk import DAG

    try:
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:  # Airflow 3.1
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

    with DAG("all", schedule=None) as dag:
        for operator in FACTORIES:
            settings = {name: ["{{ run_id }}"] for name in own_settings(operator)}
            operator(task_id=operator.__name__, work="w", documents=["a.pdf"], **settings)
    kept = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    assert set(DagSerialization.from_dict(kept).task_ids) == {each.__name__ for each in FACTORIES}


def test_every_public_operator_has_a_docstring_that_names_its_arguments():
    for name in operators.__all__:
        operator = getattr(operators, name)
        for argument, parameter in inspect.signature(operator.__init__).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert f"        {argument}: " in operator.__doc__, f"{name}: {argument}"


@pytest.mark.parametrize("option", ["work", "quarantine"])
def test_a_deployment_sets_folders_once(option, listed, tmp_path, context, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW__PAGELOOM__{option.upper()}", str(tmp_path / "configured"))
    given = {} if option == "work" else {"work": str(tmp_path / "work")}
    OcrOperator(task_id="ocr", documents=listed, mode="skip", **given).execute(context)
    written = {path.suffix for path in Path(tmp_path / "configured").rglob("*") if path.is_file()}
    assert written == ({".spacy", ".json", ".pdf"} if option == "work" else {".json", ".pdf"})


def test_without_a_folder_for_shards_the_way_out_is_told(context):
    with pytest.raises(ValueError, match=r"ocr: give `work`, or set Airflow's \[pageloom\] work"):
        OcrOperator(task_id="ocr", documents=[]).execute(context)


def test_a_worker_sets_the_device_of_what_was_given_none(words, models, tmp_path, monkeypatch):
    """The component's own setting comes first, then the connection, then the worker's option."""
    monkeypatch.setenv("AIRFLOW__PAGELOOM__DEVICE", "cuda:77")
    monkeypatch.setenv("AIRFLOW_CONN_MODELS", json.dumps({"conn_type": "pageloom"}))
    monkeypatch.setenv(
        "AIRFLOW_CONN_ON_CPU", json.dumps({"conn_type": "pageloom", "extra": {"device": "cpu"}})
    )

    def tag(number, **settings):
        # Other overlap, other shard: else the second finds the first one's.
        settings = {"max_length": 64, "stride": 16 + number, **settings}
        operator = LiltTaggerOperator(
            task_id="tag",
            work=str(tmp_path),
            shard=words,
            model=str(models / "tagger"),
            on_error="fail",
            **settings,
        )
        return operator.execute({"run_id": "manual__1"})["documents"]

    for number, settings in enumerate([{}, {"pageloom_conn_id": "models"}]):
        with pytest.raises(ValueError, match="cuda:77"):
            tag(number, **settings)
    assert tag(2, device="cpu") == 3
    assert tag(3, pageloom_conn_id="on_cpu") == 3
