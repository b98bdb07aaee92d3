"""`@task.pageloom`: a function that gets a pipeline and documents, and returns what it likes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from pageloom_provider.configuration import option
from pageloom_provider.operators.pipeline import Components, run_of
from pageloom_provider.spec import (
    Document,
    Failure,
    Job,
    Pipeline,
    Shard,
    parse_components,
    parse_documents,
    parse_shard,
)
from pageloom_provider.stopping import stop

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["PageloomDecoratedOperator", "pageloom_task"]


class PageloomDecoratedOperator(DecoratedOperator):
    """Call a function with `nlp`, a spaCy pipeline, and `documents`, opened one by one.

    The caller gives `documents`: a batch as `ListDocumentsOperator` lists it, or what one or more
    operators returned for shards. Of a listed batch the function gets `Doc`s without words, which
    `nlp.pipe(documents)` reads; of shards it gets `Doc`s with all that earlier tasks have set. It
    may ask for parts of the task's context too, such as `run_id`.

    Args:
        python_callable: The function.
        op_args: Its positional arguments.
        op_kwargs: Its keyword arguments.
        components: What `nlp` runs, as for `PipelineOperator`; by default nothing.
        config: Instead of `components`, a spaCy config file or an assembled pipeline's folder.
        overrides: Settings of `config` to replace, with dotted keys.
        language: The language of the blank pipeline that takes the components.
        reader: Settings of `pageloom.DocumentReader.v1`: `{"dpi": 300}`.
        storage_conn_id: The connection of the object storage of shards and of `quarantine`.
        quarantine: The folder for documents that cannot be opened; by default Airflow's option
            `[pageloom] quarantine`. Without either, such a document fails the task.
        pageloom_conn_id: A connection of the type `pageloom`.
    """

    custom_operator_name: str = "@task.pageloom"

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        "components",
        "config",
        "overrides",
        "language",
        "reader",
        "storage_conn_id",
        "quarantine",
        "pageloom_conn_id",
    )
    template_fields_renderers = {
        **DecoratedOperator.template_fields_renderers,
        "components": "json",
        "overrides": "json",
        "reader": "json",
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        components: Components | None = None,
        config: str | None = None,
        overrides: dict[str, Any] | None = None,
        language: str = "en",
        reader: dict[str, Any] | None = None,
        storage_conn_id: str | None = None,
        quarantine: str | None = None,
        pageloom_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=_without_nlp(python_callable),
            op_args=op_args,
            op_kwargs=op_kwargs,
            **kwargs,
        )
        self.components = components
        self.config = config
        self.overrides = overrides
        self.language = language
        self.reader = reader
        self.storage_conn_id = storage_conn_id
        self.quarantine = quarantine
        self.pageloom_conn_id = pageloom_conn_id

    def execute(self, context: Context) -> Any:
        """Open the documents and call the function on this worker."""
        if self.components is not None and self.config is not None:
            raise ValueError(f"{self.task_id}: give `components` or `config`, not both")
        if self.overrides and self.config is None:
            raise ValueError(f"{self.task_id}: `overrides` replace settings of a `config`")
        arguments = self._arguments(context)
        if "documents" not in arguments:
            raise ValueError(
                f"{self.task_id}: the function takes `documents`; call it with a batch or a shard"
            )
        pipeline = Pipeline(
            config=self.config,
            components=parse_components(self.components),
            overrides=self.overrides or {},
            language=self.language,
            reader=self.reader or {},
        )
        run = run_of(context)
        from pageloom_provider.hooks.pageloom import model_settings
        from pageloom_provider.worker import call_with_documents

        def call(nlp: Any, documents: Any) -> Any:
            given = (
                {"nlp": nlp} if "nlp" in inspect.signature(self.python_callable).parameters else {}
            )
            return self.python_callable(**{**arguments, **given, "documents": documents})

        with model_settings(self.pageloom_conn_id) as device:
            return call_with_documents(
                call,
                pipeline,
                _sources(arguments["documents"]),
                on_failure=lambda failure: self._failed(failure, pipeline, run),
                conn_id=self.storage_conn_id,
                device=device,
                slot=max(0, int(run.get("map_index", 0))),
            )

    def on_kill(self) -> None:
        """Stop the OCR programs that this task has started, and end at its next document."""
        stop()

    def _arguments(self, context: Context) -> dict[str, Any]:
        """What the caller gave, and what the function asks for of the context, all by name."""
        signature = inspect.signature(self.python_callable)
        arguments: dict[str, Any] = signature.bind_partial(
            *self.op_args, **self.op_kwargs
        ).arguments
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                arguments |= arguments.pop(name, {})
            elif name in context and arguments.get(name) is None:
                arguments[name] = context[name]  # type: ignore[literal-required]
        return arguments

    def _failed(self, failure: Failure, pipeline: Pipeline, run: dict[str, str]) -> None:
        from pageloom_provider.quarantine import put_in_quarantine
        from pageloom_provider.worker import BatchError

        folder = self.quarantine or option("quarantine")
        if not folder:
            raise BatchError(
                f"{failure.uri}: {failure.message} (give `quarantine` a folder, and the task goes "
                "on without such documents)"
            )
        job = Job(
            documents=(),
            shard=None,
            pipeline=pipeline,
            work=folder,
            work_conn_id=self.storage_conn_id,
            quarantine=folder,
            run=run,
        )
        put_in_quarantine(job, failure)


def pageloom_task(
    python_callable: Callable[..., Any] | None = None,
    multiple_outputs: bool | None = None,
    **kwargs: Any,
) -> TaskDecorator:
    """What `@task.pageloom` is; its arguments are those of `PageloomDecoratedOperator`."""
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=PageloomDecoratedOperator,
        **kwargs,
    )


def _without_nlp(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with a signature in which its caller need not give `nlp`."""
    signature = inspect.signature(function)
    nlp = signature.parameters.get("nlp")
    if nlp is None or nlp.default is None:
        return function
    others = [each for each in signature.parameters.values() if each is not nlp]
    place = next(
        (at for at, each in enumerate(others) if each.kind is each.VAR_KEYWORD), len(others)
    )
    others.insert(place, nlp.replace(kind=nlp.KEYWORD_ONLY, default=None))
    function.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
    return function


def _sources(given: Any) -> tuple[Document, ...] | tuple[Shard, ...]:
    """Shards, where what is given looks like what an operator returned, and else documents."""
    if isinstance(given, str | Mapping):
        return (parse_shard(given),)
    # What several mapped tasks returned is a sequence that fetches its items.
    entries = list(given) if isinstance(given, Iterable) else given
    if isinstance(entries, list) and entries and all(_is_shard(entry) for entry in entries):
        return tuple(parse_shard(entry) for entry in entries)
    return parse_documents(entries)


def _is_shard(entry: Any) -> bool:
    if isinstance(entry, Mapping):
        return "documents" in entry
    return isinstance(entry, str) and entry.endswith(".spacy")
