"""YAML files as deployments: what is refused and how it is said; what a broken file takes down."""

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from pageloom_provider.blueprint import DeploymentError, load_file, load_folder
from pageloom_provider.blueprint.schema import json_schema
from tests.dag_runs import dag_bag

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "dags" / "pipelines").glob("*.yaml"))
SMALL = """\
id: small
source: /documents
work: /work
steps:
  - component: ocr
sinks:
  - jsonl: "/results/{{ run_id }}.jsonl"
"""


@pytest.fixture
def write(tmp_path):
    """Write a deployment's file, by default a small one with another text somewhere."""

    def write(text=SMALL, name="small.yaml", **replaced):
        for old, new in replaced.items():
            text = text.replace(f"{old}:", new, 1)
        path = tmp_path / "pipelines" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def problems(path):
    with pytest.raises(DeploymentError) as refused:
        load_file(path)
    return [(problem.line, problem.message) for problem in refused.value.problems]


def test_a_small_file_is_a_dag(write):
    dag = load_file(write())
    assert dag.dag_id == "small"
    assert dag.task_ids == ["list_documents", "ocr", "export_jsonl", "report"]
    assert not dag.catchup
    assert SMALL in dag.doc_md


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_right_for_us_and_for_editors(path):
    assert load_file(path).dag_id == path.stem
    jsonschema.validate(yaml.safe_load(path.read_text()), json_schema())


def test_the_schema_for_editors_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("shedule: '@daily'\n", 8, 'unknown key "shedule". Did you mean "schedule"?'),
        ("alerts:\n  - when: {failed: 1}\n", 9, 'unknown key "failed" in alerts.0.when.'),
        ("batch_size: 0\n", 8, "batch_size: Input should be greater than or equal to 1, not 0"),
        ("schedule: every day\n", 8, "'every day' is no cron expression"),
        ("schedule: {cron: '@daily', timezone: Mars/City}\n", 8, "no time zone 'Mars/City'"),
        ("schedule: {cron: '@daily', watch: true}\n", 8, "give one of cron, asset and watch"),
        ("retry_delay: 10\n", 8, "a duration is a number with s, m, h or d, such as 10m"),
        ("reader: {password: open sesame}\n", 1, "a file is no place for a secret"),
        (
            "routes: [{name: a, classes: [b], steps: [{component: ocr, execution: server}]}]\n",
            1,
            "execution: server needs a connection",
        ),
        ("checks: {pattern: {total: '('}}\n", 8, "pattern of total is no regular expression"),
        ("schedule: @daily\n", 8, 'between quotes: schedule: "@daily"'),
        ("description: {{ x }}\n", 8, "Put a template between quotes"),
        ("id: again\n", 8, 'the key "id" is there twice'),
        ("routes: [{name: a, classes: [b]}, {name: a, otherwise: true}]\n", 1, 'called "a"'),
        ("schedule: {watch: '/in/{{ ds }}'}\n", 1, "it has no template"),
        ("alerts: [{when: {failed_tasks: 0}}]\n", 8, "give a notifier, or fail: true"),
    ],
)
def test_what_is_wrong_is_said_with_the_line_and_the_way_out(write, text, line, message):
    [(where, said)] = problems(write(SMALL + text))
    assert (where, message in said) == (line, True), said


def test_every_problem_of_a_file_is_said_at_once(write):
    path = write(SMALL.replace("component", "componet").replace("source", "sorce"))
    found = problems(path)
    assert [line for line, _ in found] == [1, 2, 5]
    assert (2, 'unknown key "sorce". Did you mean "source"?') in found
    assert (5, 'unknown key "componet" in steps.0. Did you mean "component"?') in found
    assert (1, "source is missing") in found


@pytest.mark.parametrize(
    "text", ["", "- a list", "just words", "a: [", b"\xff\xfe\x00".decode("latin1")]
)
def test_a_file_that_is_no_mapping_is_refused(write, text):
    assert len(problems(write(text))) == 1


def test_file_sinks_are_named_after_the_run_unless_every_run_reads_everything(write):
    fixed = SMALL.replace("/{{ run_id }}", "/all")
    assert "name it after the run" in problems(write(fixed))[0][1]
    assert load_file(write(fixed.replace("/documents", "{uri: /documents, new: all}")))


def test_what_counts_as_new_needs_a_ledger_that_workers_share(write):
    remote = SMALL.replace("/work", "s3://archive/work")
    assert "needs a ledger" in problems(write(remote))[0][1]
    assert load_file(write(f"{remote}ledger: {{connection: warehouse}}\n"))


def test_settings_of_a_step_reach_its_tasks(write):
    dag = load_file(
        write(
            SMALL.replace(
                "  - component: ocr\n",
                """\
  - component: ocr
    settings: {lang: deu}
    queue: cpu
    execution: server
  - component: lilt_tagger
    name: tag
    settings: {model: some/model}
    device: cuda:1
    queue: gpu
    pool: gpus
    pool_slots: 2
    parallel: 3
    retries: 5
    retry_delay: 2m
    timeout: 1h
    batch_size: 100
""",
            )
            + "connection: server\n"
        )
    )
    ocr, tag = dag.get_task("ocr"), dag.get_task("tag")
    assert ocr.partial_kwargs["components"] == [{"ocr": {"lang": "deu"}}]
    assert (ocr.queue, ocr.retries) == ("cpu", 2)
    assert ocr.partial_kwargs["execution"] == "server"
    assert ocr.partial_kwargs["pageloom_conn_id"] == "server"
    assert tag.partial_kwargs["execution"] == "local"
    assert tag.partial_kwargs["components"] == [
        {"lilt_tagger": {"model": "some/model", "device": "cuda:1"}}
    ]
    assert (tag.queue, tag.pool, tag.pool_slots, tag.retries) == ("gpu", "gpus", 2, 5)
    assert tag.max_active_tis_per_dagrun == 3
    assert (tag.retry_delay, tag.execution_timeout) == (timedelta(minutes=2), timedelta(hours=1))
    assert dag.get_task("tag_batches").batch_size == 100


def test_connections_travel_with_their_uris(write):
    dag = load_file(
        write(
            SMALL.replace("/documents", "{uri: s3://in/box, connection: inbox}")
            .replace('"/results', '{connection: out, uri: "s3://results')
            .replace('jsonl"', 'jsonl"}')
        )
    )
    assert dag.get_task("list_documents").source == "s3://inbox@in/box"
    assert dag.get_task("export_jsonl").jsonl == "s3://out@results/{{ run_id }}.jsonl"


def test_the_ledger_is_in_the_database_of_the_table_and_the_last_export_closes_it(write):
    table = "  - table: {name: fields, connection: warehouse}\n"
    dag = load_file(write(SMALL.replace("sinks:\n", f"sinks:\n{table}")))
    assert dag.get_task("list_documents").ledger["conn_id"] == "warehouse"
    assert dag.get_task("export_jsonl").ledger is None
    assert dag.get_task("export_table").upstream_task_ids >= {"export_jsonl"}
    assert dag.get_task("export_table").ledger == dag.get_task("list_documents").ledger


@pytest.mark.parametrize(
    ("schedule", "names"),
    [("{asset: a}", "a"), ("{asset: [a, b]}", "a b"), ("{asset: [a, b], any: true}", "a b")],
)
def test_a_run_starts_after_assets(write, schedule, names):
    dag = load_file(write(f"{SMALL}schedule: {schedule}\n"))
    condition = dag.timetable.asset_condition
    assert [asset.name for asset in condition.objects] == names.split()
    assert type(condition).__name__ == ("AssetAny" if "any" in schedule else "AssetAll")


def test_a_cron_schedule_is_in_its_time_zone(write):
    dag = load_file(write(f"{SMALL}schedule: {{cron: 0 6 * * *, timezone: Europe/Berlin}}\n"))
    assert str(dag.timezone) == "Europe/Berlin"


def test_a_watched_folder_is_the_source_with_its_patterns(write):
    source = "{uri: s3://in/box, connection: inbox, patterns: ['*.pdf'], new: all}"
    text = SMALL.replace("/documents", source)
    dag = load_file(write(f"{text}schedule: {{watch: true, every: 90s}}\n"))
    [asset] = dag.timetable.asset_condition.objects
    [watcher] = asset.watchers
    name, arguments = watcher.trigger.serialize()
    assert name == "pageloom_provider.triggers.folder.FolderTrigger"
    assert arguments["folder"] == "s3://inbox@in/box"
    assert (arguments["patterns"], arguments["every"]) == (["*.pdf"], 90.0)


BROKEN = {"broken.yaml": SMALL.replace("work", "wrok"), "worse.yml": "id: ["}


@pytest.fixture
def folder_of_three(write):
    """One file that is right and two that are broken, with the loader beside their folder."""
    folder = write().parent
    for name, text in BROKEN.items():
        write(text, name)
    loader = folder.parent / "pageloom_dags.py"
    loader.write_text((ROOT / "dags" / "pageloom_dags.py").read_text())
    return loader


def test_a_broken_file_is_an_import_error_of_its_own_and_takes_no_other_dag_down(
    folder_of_three, metadata_database
):
    """Airflow's own parsing process, and what its manager writes to the database."""
    import structlog
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.dag_processing.processor import DagFileParseRequest, _parse_file
    from airflow.models import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.errors import ParseImportError
    from airflow.sdk.execution_time import task_runner
    from airflow.utils.session import create_session
    from sqlalchemy import select

    folder = folder_of_three.parent
    request = DagFileParseRequest(
        file=str(folder_of_three), bundle_path=folder, bundle_name="parsed"
    )
    task_runner.SUPERVISOR_COMMS = object()  # as in the parsing process
    try:
        result = _parse_file(request, structlog.get_logger())
    finally:
        del task_runner.SUPERVISOR_COMMS
    assert [dag.dag_id for dag in result.serialized_dags] == ["small"]
    # Airflow 3.1 keeps whole paths, later ones those within the bundle.
    broken, worse = sorted(result.import_errors)
    assert broken.endswith("pipelines/broken.yaml")
    assert worse.endswith("pipelines/worse.yml")
    assert 'pipelines/broken.yaml:3: unknown key "wrok"' in result.import_errors[broken]
    with create_session() as session:
        session.add(DagBundleModel(name="parsed"))
        session.flush()
        update_dag_parsing_results_in_db(
            "parsed",
            None,
            result.serialized_dags,
            {("parsed", path): error for path, error in result.import_errors.items()},
            0.1,
            set(),
            session,
            files_parsed={("parsed", "pageloom_dags.py")},
        )
        good = session.get(DagModel, "small")
        assert (good.is_stale, good.has_import_errors) == (False, False)
        errors = session.scalars(
            select(ParseImportError).where(ParseImportError.bundle_name == "parsed")
        )
        assert {error.filename for error in errors} == set(result.import_errors)


def test_in_a_dag_bag_the_errors_say_all(folder_of_three):
    """Airflow 3.1 lists them by the YAML files, later ones as one of the loader."""
    bag = dag_bag(folder_of_three.parent)
    assert list(bag.dags) == ["small"]
    assert {Path(path).name for path in bag.import_errors} <= {
        "pageloom_dags.py",
        "broken.yaml",
        "worse.yml",
    }
    message = "\n".join(bag.import_errors.values())
    assert 'pipelines/broken.yaml:3: unknown key "wrok"' in message
    assert "pipelines/worse.yml:" in message


def test_two_files_with_one_id_are_an_error_of_the_second(write):
    folder = write().parent
    write(name="zoo.yaml")
    dags = load_folder(folder)
    [broken] = [dag for name, dag in dags.items() if name != "small"]
    with pytest.raises(DeploymentError, match=r'zoo.yaml:1: the id "small" is that of pipelines/s'):
        broken.validate()


def test_a_task_of_one_dag_loads_no_other(folder_of_three, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "small")
    (folder_of_three.parent / "pipelines" / "other.yaml").write_text(
        SMALL.replace("small", "other")
    )
    dags = load_folder("pipelines", beside=folder_of_three)
    assert "small" in dags
    assert "other" not in dags


def test_pod_overrides_need_the_kubernetes_provider(write):
    pytest.importorskip("airflow.providers.cncf.kubernetes")
    override = {
        "spec": {"containers": [{"name": "base", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}
    }
    text = SMALL.replace("ocr\n", f"ocr\n    pod_override: {json.dumps(override)}\n")
    pod = load_file(write(text)).get_task("ocr").executor_config["pod_override"]
    assert pod.spec.containers[0].resources.limits == {"nvidia.com/gpu": "1"}
