"""The part of a deployment that says when a person looks at a document, and who."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pageloom_provider.blueprint.parts import Duration, Part, Share, Text

__all__ = ["Dates", "Review", "User"]

# What pageloom checks by itself where the fields are there.
CheckName = Literal[
    "net_tax_total", "items_total", "item_amount", "due_date", "currency", "iban", "tax_id"
]


def _day(text: str) -> str:
    if text != "today" and "{{" not in text:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError('a day is written "2024-03-31", or "today"') from None
    return text


Day = Annotated[Text, AfterValidator(_day)]


class Dates(Part):
    """Between which days a date lies, both included."""

    earliest: Day | None = Field(None, description='A day as "2024-03-31", or "today".')
    latest: Day | None = Field(None, description='A day as "2024-03-31", or "today".')

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.earliest is None and self.latest is None:
            raise ValueError("give earliest or latest")
        return self


class User(Part):
    """Someone whom Airflow knows by another id than their name."""

    id: Text
    name: Text


class Review(Part):
    """Documents with doubtful fields wait for a person, who corrects them on Airflow's page."""

    min_confidence: Share | dict[str, Share] = Field(
        0.8,
        description="The least confidence of every label's best field, or of those of some labels.",
    )
    checks: bool | list[CheckName] = Field(
        True,
        description="Whether failed checks are doubtful, or which; by default all but those of "
        "positions.",
    )
    required: list[Text] = Field(
        default_factory=list, description="Labels that a document must have a field of."
    )
    dates: dict[str, Dates] = Field(
        default_factory=dict, description="Label to the days that its date lies between."
    )
    labels: list[Text] | None = Field(
        None, description="Of the form; by default what is doubtful and what else was found."
    )
    batch_size: int = Field(8, ge=1, description="The most documents in one request.")
    users: list[Text | User] = Field(
        default_factory=list, description="Who may answer; by default whom Airflow lets."
    )
    timeout: Duration | None = Field(None, description="How long to wait; by default for ever.")
    on_timeout: Literal["leave", "quarantine", "fail"] = Field(
        "leave",
        description="What becomes of documents that nobody answers for: they go on with status "
        "`partial`, go to quarantine, or the task fails.",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if "on_timeout" in self.model_fields_set and self.timeout is None:
            raise ValueError("on_timeout goes with timeout")
        return self

    def rules(self) -> dict[str, Any]:
        """What is doubtful, as the operators take it."""
        return {
            **self.model_dump(include={"min_confidence", "checks", "required"}),
            "dates": {
                label: days.model_dump(exclude_none=True) for label, days in self.dates.items()
            },
        }

    def asking(self) -> dict[str, Any]:
        """What is asked, of whom and for how long, as `ReviewFieldsOperator` takes it."""
        return {
            "labels": self.labels,
            "assigned_users": [
                user if isinstance(user, str) else user.model_dump() for user in self.users
            ]
            or None,
            "response_timeout": None if self.timeout is None else _seconds(self.timeout),
            "on_timeout": self.on_timeout,
        }


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
