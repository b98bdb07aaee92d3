"""Asking people about documents: Airflow's human-in-the-loop operators over shards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator

from pageloom_provider.configuration import option
from pageloom_provider.operators.pipeline import run_of, work_folder
from pageloom_provider.operators.showing import show_documents
from pageloom_provider.spec import Job, Pipeline, Shard, parse_shard, parse_shards
from pageloom_provider.views import run_identity, views_folder

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.hitl import HITLUser

    from pageloom_provider.worker.reviews import Decision, Question, Request

__all__ = ["GroupForReviewOperator", "ReviewFieldsOperator"]

CONFIRM, LEAVE, QUARANTINE = "Confirm", "Leave as read", "Quarantine"
_DECISIONS = {CONFIRM: "confirm", LEAVE: "leave", QUARANTINE: "quarantine"}
_ON_TIMEOUT = {"leave": LEAVE, "quarantine": QUARANTINE, "fail": None}
_RULES = ("min_confidence", "checks", "required", "dates")


class ReviewFieldsOperator(HITLOperator):
    """Let a person look at the documents of a shard whose fields are doubtful.

    All of them are in one request on Airflow's page of required actions: what is doubtful, links to
    the boxes on the pages, and a form with the values that were read. The task waits without a
    worker. "Confirm" takes the values of the form: each becomes its label's best field, with the
    score 1.0, and who said it and when lies in the document. "Leave as read" lets the documents go
    on as they are, "Quarantine" sets them aside. Without a doubtful document nobody is asked.

    Confirmed documents are kept as DocBin in `<work>/corrections`, for `pageloom corrections`. A
    task that is cleared asks again; one that failed after it had an answer does not.

    Returns `{uri, documents, failed, pages}` of the shard with what the person said.

    Args:
        shard: The shard that an earlier task returned, or its URI.
        work: The folder for shards, as a URI that `ObjectStoragePath` knows or a path; by default
            Airflow's option `[pageloom] work`.
        min_confidence: The least confidence, of 0-1, of the best field of every label, or a dict
            of label to it; by default 0.8. Parts of positions (`item_...`) count in a dict only.
        checks: Whether failed checks count, or a list of the names of those that do
            (`net_tax_total`, `iban`, ...); by default all but those of positions.
        required: Labels that a document must have a field of.
        dates: Label to `{"earliest": "2024-01-01", "latest": "today"}`.
        labels: The labels in the form; by default the doubtful ones and what else was found,
            without positions.
        response_timeout: How long to wait, as a timedelta or in seconds; by default for ever.
        on_timeout: What becomes of the documents when nobody has answered: "leave" lets them go on
            with the status `partial`, "quarantine", or "fail", with which the task fails.
        assigned_users: Who may answer, by id or as `{"id", "name"}`; by default whom Airflow lets.
        quarantine: The folder for bad documents; by default `quarantine` in `work`.
        work_conn_id: The connection of the object storage that holds `work`.
        execution_timeout: Of the work before and after the wait.
        kwargs: As Airflow's `HITLOperator`, such as `notifiers`.
    """

    template_fields: Sequence[str] = (
        "shard",
        "work",
        *_RULES,
        "labels",
        "quarantine",
        "work_conn_id",
    )
    template_fields_renderers = {"shard": "json", "dates": "json", "min_confidence": "json"}

    def __init__(
        self,
        *,
        shard: dict[str, Any] | str,
        work: str | None = None,
        min_confidence: float | dict[str, float] | None = None,
        checks: bool | list[str] | None = None,
        required: list[str] | None = None,
        dates: dict[str, dict[str, str]] | None = None,
        labels: list[str] | None = None,
        response_timeout: timedelta | float | None = None,
        on_timeout: str = "leave",
        assigned_users: list[Any] | None = None,
        quarantine: str | None = None,
        work_conn_id: str | None = None,
        execution_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        if on_timeout not in _ON_TIMEOUT:
            raise ValueError(f"on_timeout is one of {', '.join(_ON_TIMEOUT)}, not {on_timeout!r}")
        if isinstance(response_timeout, int | float):
            response_timeout = timedelta(seconds=response_timeout)
        super().__init__(
            subject="Review",  # and the text: when it is known what is asked
            options=list(_DECISIONS),
            defaults=_ON_TIMEOUT[on_timeout],
            response_timeout=response_timeout,
            assigned_users=[_user(user) for user in assigned_users or ()] or None,
            execution_timeout=None,  # it would be taken for the other one
            **kwargs,
        )
        self.execution_timeout = execution_timeout
        self.shard = shard
        self.work = work
        self.min_confidence = min_confidence
        self.checks = checks
        self.required = required
        self.dates = dates
        self.labels = labels
        self.on_timeout = on_timeout
        self.quarantine = quarantine
        self.work_conn_id = work_conn_id

    def execute(self, context: Context) -> Any:
        """Ask, where something is doubtful, and wait."""
        from pageloom_provider.worker.doubts import parse_review_rules
        from pageloom_provider.worker.review_form import form_body, form_fields, form_subject
        from pageloom_provider.worker.reviews import (
            Request,
            find_questions,
            keep_request,
            kept_request,
        )

        job = self._job(context)
        rules = parse_review_rules(**{name: getattr(self, name) for name in _RULES})
        kept = kept_request(job)
        if kept is not None and kept.answer is not None:
            self.log.info("answered by %s at %s already", kept.answer.by, kept.answer.at)
            return self._finish(context, job, kept)
        shard = parse_shard(self.shard)
        today = datetime.now(UTC).date()
        questions = find_questions(shard, self.work_conn_id, rules, self.labels, today)
        if not questions:
            self.log.info("nobody needs to look at a document")
            return shard.model_dump()
        keep_request(job, Request(shard=shard.uri, questions=tuple(questions)))
        run = self._leave_views(context, shard, questions)
        self.subject = form_subject(questions)
        self.body = form_body(questions, run)
        self.params = _params(form_fields(questions))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Carry out what came back."""
        from pageloom_provider.worker.reviews import Answer, keep_request, kept_request

        # What the form held is known from what was kept; Airflow 3.1 has the DAG's params here.
        self.params = _params({})
        response = super().execute_complete(context, event)
        user = response["responded_by_user"] or {}
        answer = Answer(
            decision=cast("Decision", _DECISIONS[response["chosen_options"][0]]),
            values=dict(response["params_input"]),
            by=str(user.get("name") or user.get("id") or ""),
            by_id=str(user.get("id") or ""),
            at=response["responded_at"].astimezone(UTC).isoformat(timespec="seconds"),
            timed_out=not user,
        )
        job = self._job(context)
        kept = kept_request(job)
        if kept is None:
            raise ValueError(f"{self.task_id}: what was asked is no longer in {job.work}/reviews")
        request: Request = kept.model_copy(update={"answer": answer})
        keep_request(job, request)  # a retry asks nobody a second time
        return self._finish(context, job, request)

    def _job(self, context: Context) -> Job:
        return Job(
            documents=None,
            shard=parse_shard(self.shard),
            pipeline=Pipeline(),
            work=work_folder(self.work, self.task_id),
            work_conn_id=self.work_conn_id,
            quarantine=self.quarantine or option("quarantine"),
            run=run_of(context),
        )

    def _leave_views(
        self, context: Context, shard: Shard, questions: Sequence[Question]
    ) -> str | None:
        """Views for the page "Documents"; returns the run's id there, or None for no views."""
        # The page knows by this task's state whether they still wait.
        asked = {question.sha256 for question in questions}
        shown = show_documents(
            context, views_folder(), [shard], self.work_conn_id, keep=asked, waiting=asked
        )
        return run_identity(context["ti"].dag_id, context["ti"].run_id) if shown else None

    def _finish(self, context: Context, job: Job, request: Request) -> dict[str, Any]:
        from pageloom_provider.worker.reviews import apply_answer

        shard = apply_answer(job, request)
        self._leave_views(context, shard, request.questions)
        return shard.model_dump()


class GroupForReviewOperator(BaseOperator):
    """Put the documents that a person is to see together, before `ReviewFieldsOperator` asks.

    Documents with nothing doubtful stay in shards of their own, about which nobody is asked. This
    task waits until all shards are there.

    Returns a list of shards, ready for `expand(shard=...)`.

    Args:
        shards: What earlier tasks returned (`tagger.output` of a mapped operator), or URIs.
        batch_size: The most documents in a request.
        work: The folder for shards, as a URI that `ObjectStoragePath` knows or a path; by default
            Airflow's option `[pageloom] work`.
        min_confidence: As `ReviewFieldsOperator`, as are the others.
        checks: Likewise.
        required: Likewise.
        dates: Likewise.
        work_conn_id: The connection of the object storage that holds `work` and `shards`.
    """

    template_fields: Sequence[str] = ("shards", "batch_size", "work", *_RULES, "work_conn_id")
    template_fields_renderers = {"shards": "json", "dates": "json", "min_confidence": "json"}

    def __init__(
        self,
        *,
        shards: list[Any],
        batch_size: int = 8,
        work: str | None = None,
        min_confidence: float | dict[str, float] | None = None,
        checks: bool | list[str] | None = None,
        required: list[str] | None = None,
        dates: dict[str, dict[str, str]] | None = None,
        work_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shards = shards
        self.batch_size = batch_size
        self.work = work
        self.min_confidence = min_confidence
        self.checks = checks
        self.required = required
        self.dates = dates
        self.work_conn_id = work_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the shards, write the groups."""
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from pageloom_provider.worker.doubts import parse_review_rules
        from pageloom_provider.worker.reviews import group_for_review

        size = int(self.batch_size)
        if size < 1:
            raise ValueError(f"{self.task_id}: batch_size must be at least 1, not {size}")
        made = group_for_review(
            parse_shards(self.shards),
            work=work_folder(self.work, self.task_id),
            conn_id=self.work_conn_id,
            rules=parse_review_rules(**{name: getattr(self, name) for name in _RULES}),
            batch_size=size,
            today=datetime.now(UTC).date(),
        )
        if not made:
            raise AirflowSkipException(f"no documents for {self.task_id}")
        return [shard.model_dump() for shard in made]


def _params(fields: dict[str, Any]) -> Any:
    from airflow.sdk.definitions.param import ParamsDict

    return ParamsDict(fields)


def _user(user: Any) -> HITLUser:
    if isinstance(user, dict):
        return {"id": str(user["id"]), "name": str(user.get("name") or user["id"])}
    return {"id": str(user), "name": str(user)}
