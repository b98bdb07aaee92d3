"""Running a spaCy pipeline over a batch of documents."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator

from pageloom_provider.spec import (
    Job,
    OnError,
    Pipeline,
    parse_components,
    parse_documents,
    parse_shard,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["PipelineOperator"]

Components = list[dict[str, Any]] | dict[str, Any]


class PipelineOperator(BaseOperator):
    """Run any spaCy pipeline over a batch and write a shard, a `DocBin` file, to object storage.

    Returns `{uri, documents, failed, pages}`: the shard and its counts. The shard's name derives
    from the content of the inputs, the settings, the checkpoints and the version of pageloom, so
    a retry or a rerun finds a finished shard and repeats nothing; of an unfinished one, finished
    documents are not repeated.

    Args:
        work: The folder for shards, as a URI that `ObjectStoragePath` knows or a path.
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
        quarantine: The folder for bad documents; by default `quarantine` in `work`.
        on_error: "quarantine" puts a bad document there, with a JSON file that says why, and goes
            on; "fail" fails the task at the first one.
        embed_images: Whether shards carry the pages' pictures, for a later task on a machine that
            cannot open the documents. Documents from object storage always travel with their
            content; this is for those on a worker's own disk.
        pageloom_conn_id: A connection of the type `pageloom`: the hub's endpoint and token, the
            cache folder, the default device.
    """

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
        work: str,
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

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the batch on this worker."""
        job = self.job(context)
        from pageloom_provider.hooks.pageloom import PageloomHook
        from pageloom_provider.worker import run_batch

        if self.pageloom_conn_id is None:
            return run_batch(job).model_dump()
        hook = PageloomHook(self.pageloom_conn_id)
        with hook.environment():
            return run_batch(job.model_copy(update={"device": hook.device})).model_dump()

    def on_kill(self) -> None:
        """Stop the OCR programs that this task has started."""
        import psutil  # type: ignore[import-untyped]

        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.terminate()

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
        if (components is None) == (self.config is None):
            raise ValueError(f"{self.task_id}: give `components` or `config`, one of the two")
        if self.overrides and self.config is None:
            raise ValueError(f"{self.task_id}: `overrides` replace settings of a `config`")
        if self.on_error not in ("quarantine", "fail"):
            raise ValueError(
                f"{self.task_id}: on_error is 'quarantine' or 'fail', not {self.on_error!r}"
            )
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
            work=self.work,
            work_conn_id=self.work_conn_id,
            quarantine=self.quarantine,
            on_error=cast(OnError, self.on_error),
            embed_images=self.embed_images,
            run=_run_of(context),
        )


def _run_of(context: Context) -> dict[str, str]:
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
