"""Running a spaCy pipeline over a batch of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator

from pageloom_provider.assets import announce
from pageloom_provider.configuration import option
from pageloom_provider.metrics import measure
from pageloom_provider.spec import (
    Job,
    OnError,
    Outcome,
    Pipeline,
    parse_components,
    parse_documents,
    parse_shard,
)
from pageloom_provider.stopping import stop

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

__all__ = ["Components", "PipelineOperator", "one_component", "run_of", "work_folder"]

Components = list[dict[str, Any]] | dict[str, Any]


class PipelineOperator(BaseOperator):
    """Run any spaCy pipeline over a batch and write a shard, a `DocBin` file, to object storage.

    Returns `{uri, documents, failed, pages}`: the shard and its counts. The shard's name derives
    from the content of the inputs, the settings, the checkpoints and the version of pageloom, so
    a retry or a rerun finds a finished shard and repeats nothing; of an unfinished one, finished
    documents are not repeated.

    The events of the task's outlets carry the same, and the models, as extra; an outlet that is an
    asset alias gets the shard as its asset.

    Args:
        work: The folder for shards, as a URI that `ObjectStoragePath` knows or a path; by default
            Airflow's option `[pageloom] work`.
        documents: A batch of documents: dicts `{uri, sha256}` as `ListDocumentsOperator` returns
            them, or URIs.
        shard: Instead of `documents`, the shard that an earlier task returned, or its URI.
        components: `[{"ocr": {"lang": "deu"}}, {"layoutlmv2_tagger": {...}}]` or the same as one
            dict; a settings dict may hold `factory`.
        config: Instead of `components`, the path of a spaCy config file or of an assembled
            pipeline's folder, on the worker.
        overrides: Settings of `config` to replace, with dotted keys as in spaCy:
            `{"components.layoutlmv2_tagger.device": "cpu"}`.
        language: The language of the blank pipeline that takes the components.
        reader: Settings of `pageloom.DocumentReader.v1`: `{"dpi": 300}`.
        work_conn_id: The connection of the object storage that holds `work`.
        quarantine: The folder for bad documents; by default Airflow's option
            `[pageloom] quarantine`, or else the folder `quarantine` in `work`.
        on_error: "quarantine" puts a bad document there, with a JSON file that says why, and goes
            on; "fail" fails the task at the first one.
        embed_images: Whether shards carry the pages' pictures, for a later task on a machine that
            cannot open the documents. Documents from object storage always travel with their
            content; this is for those on a worker's own disk.
        pageloom_conn_id: A connection of the type `pageloom`: the hub's endpoint and token, the
            cache folder, the default device, the server's address and token.
        execution: "local" runs the pipeline on this worker; "server" on the `pageloom serve` of
            the connection, which must serve these components with these settings, or the `config`
            by its name. The task is deferred while it waits. The shard is the same.
    """

    outcome: Outcome | None = None  # what `execute` came to, for lineage

    template_fields: Sequence[str] = (
        "work",
        "documents",
        "shard",
        "components",
        "config",
        "overrides",
        "language",
        "reader",
        "work_conn_id",
        "quarantine",
        "on_error",
        "embed_images",
        "pageloom_conn_id",
        "execution",
    )
    template_fields_renderers = {
        "components": "json",
        "documents": "json",
        "overrides": "json",
        "reader": "json",
        "shard": "json",
    }

    def __init__(
        self,
        *,
        work: str | None = None,
        documents: list[Any] | None = None,
        shard: dict[str, Any] | str | None = None,
        components: Components | None = None,
        config: str | None = None,
        overrides: dict[str, Any] | None = None,
        language: str = "en",
        reader: dict[str, Any] | None = None,
        work_conn_id: str | None = None,
        quarantine: str | None = None,
        on_error: str = "quarantine",
        embed_images: bool = False,
        pageloom_conn_id: str | None = None,
        execution: str = "local",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.work = work
        self.documents = documents
        self.shard = shard
        self.components = components
        self.config = config
        self.overrides = overrides
        self.language = language
        self.reader = reader
        self.work_conn_id = work_conn_id
        self.quarantine = quarantine
        self.on_error = on_error
        self.embed_images = embed_images
        self.pageloom_conn_id = pageloom_conn_id
        self.execution = execution

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the batch on this worker, or send it to the server."""
        job = self.job(context)
        if self.execution == "server":
            return self._on_server(context, job, {})
        from pageloom_provider.hooks.pageloom import model_settings
        from pageloom_provider.worker import run_batch

        with model_settings(self.pageloom_conn_id) as device:
            outcome = run_batch(job.model_copy(update={"device": device}))
        return self._finish(context, job, outcome)

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on when the server has done something, or has room."""
        return self._on_server(context, self.job(context), event)

    def _on_server(self, context: Context, job: Job, event: dict[str, Any]) -> dict[str, Any]:
        """Send and fetch what there is; wait for the rest without holding up a worker."""
        from pageloom_provider.hooks.pageloom import PageloomHook
        from pageloom_provider.hooks.server import BusyError
        from pageloom_provider.triggers.server import ServerTrigger
        from pageloom_provider.worker import Progress, Waiting, run_on_server

        assert self.pageloom_conn_id is not None  # `job` has looked
        progress = Progress(**event.get("progress", {}))
        reached: Outcome | Waiting
        try:
            reached = run_on_server(job, PageloomHook(self.pageloom_conn_id).server(), progress)
        except BusyError as error:
            if event.get("state") == "away":  # it was asked for long enough
                raise
            self.log.info("%s", error)
            reached = Waiting([], error.retry_after, False, progress)
        if isinstance(reached, Waiting):
            self.log.info("waiting for %d documents on the server", len(reached.jobs))
            trigger = ServerTrigger(
                self.pageloom_conn_id,
                reached.jobs,
                pause=reached.pause,
                more=reached.more,
                progress=reached.progress._asdict(),
            )
            self.defer(trigger=trigger, method_name="resume", timeout=self.execution_timeout)
        return self._finish(context, job, reached)

    def _finish(self, context: Context, job: Job, outcome: Outcome) -> dict[str, Any]:
        self.outcome = outcome
        measure(outcome, {key: job.run[key] for key in ("dag_id", "task_id") if key in job.run})
        shard = outcome.shard.model_dump()
        models = outcome.manifest.steps[-1].models
        announce(context, self.outlets, outcome.shard.uri, {**shard, "models": models})
        return shard

    def on_kill(self) -> None:
        """Stop the OCR programs that this task has started, and its batch."""
        stop()

    def get_openlineage_facets_on_complete(self, _: Any) -> OperatorLineage[Any, Any] | None:
        """For OpenLineage: documents or shard in, shard out, counts, models and their hashes."""
        if self.outcome is None:
            return None
        from pageloom_provider.lineage import batch_lineage

        documents = () if self.documents is None else parse_documents(self.documents)
        shard = None if self.shard is None else parse_shard(self.shard)
        return batch_lineage(documents, shard, self.outcome)

    def pipeline_components(self) -> Components | None:
        """The components to run; the operators of one component say theirs here."""
        return self.components

    def job(self, context: Context) -> Job:
        """The operator's arguments, checked.

        Raises:
            ValueError: Two arguments exclude each other, or one is not what it must be.
        """
        components = self.pipeline_components()
        if (self.documents is None) == (self.shard is None):
            raise ValueError(f"{self.task_id}: give `documents` or `shard`, one of the two")
        work = work_folder(self.work, self.task_id)
        if (components is None) == (self.config is None):
            raise ValueError(f"{self.task_id}: give `components` or `config`, one of the two")
        if self.overrides and self.config is None:
            raise ValueError(f"{self.task_id}: `overrides` replace settings of a `config`")
        if self.on_error not in ("quarantine", "fail"):
            raise ValueError(
                f"{self.task_id}: on_error is 'quarantine' or 'fail', not {self.on_error!r}"
            )
        self._check_execution()
        return Job(
            documents=parse_documents(self.documents) if self.documents is not None else None,
            shard=parse_shard(self.shard) if self.shard is not None else None,
            pipeline=Pipeline(
                config=self.config,
                components=parse_components(components),
                overrides=self.overrides or {},
                language=self.language,
                reader=self.reader or {},
            ),
            work=work,
            work_conn_id=self.work_conn_id,
            quarantine=self.quarantine or option("quarantine"),
            on_error=cast(OnError, self.on_error),
            embed_images=self.embed_images,
            run=run_of(context),
        )

    def _check_execution(self) -> None:
        if self.execution not in ("local", "server"):
            raise ValueError(
                f"{self.task_id}: execution is 'local' or 'server', not {self.execution!r}"
            )
        if self.execution == "server":
            if self.pageloom_conn_id is None:
                raise ValueError(
                    f"{self.task_id}: execution='server' needs a pageloom_conn_id, whose "
                    "connection names the server"
                )
            if "password" in (self.reader or {}):
                raise ValueError(
                    f"{self.task_id}: a password for documents does not travel to the server: give "
                    "it to the reader of the server's own pipeline"
                )


def one_component(factory: str, operator: PipelineOperator, settings: Sequence[str]) -> Components:
    """The component `factory`, with those of the operator's attributes that are given."""
    values = {name: getattr(operator, name) for name in settings}
    return [{factory: {name: value for name, value in values.items() if value is not None}}]


def work_folder(work: str | None, task_id: str) -> str:
    """The folder for shards: an operator's own, or Airflow's option `[pageloom] work`.

    Raises:
        ValueError: Neither is given.
    """
    work = work or option("work")
    if not work:
        raise ValueError(f"{task_id}: give `work`, or set Airflow's [pageloom] work")
    return work


def run_of(context: Context) -> dict[str, str]:
    """Who asks, for the record beside a quarantined document: DAG, task, run."""
    instance = context.get("ti")
    if instance is None:
        return {}
    return {
        "dag_id": instance.dag_id,
        "task_id": instance.task_id,
        "run_id": instance.run_id,
        "map_index": str(instance.map_index),
        "try_number": str(instance.try_number),
    }
