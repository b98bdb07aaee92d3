"""The factories of the components that answer questions; `factories` hands them on.

As there, nothing heavy is imported before a component is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacy.language import Language

if TYPE_CHECKING:
    from pageloom.pipes.extractive_qa import LayoutLMv2Qa, LiltQa
    from pageloom.pipes.vilt import ViltMatcher, ViltVqa

__all__ = ["layoutlmv2_qa", "lilt_qa", "vilt_matcher", "vilt_vqa"]

QA_CONFIG: dict[str, Any] = {
    "revision": None,
    "questions": [],
    "top_k": 1,
    "max_answer_length": 30,
    "max_length": 512,
    "stride": 128,
    "batch_tokens": 4096,
    "device": "auto",
    "dtype": "auto",
}

QA_SCORES: dict[str, Any] = {"answers_em": 0.5, "answers_f1": 0.5, "answers_anls": 0.0}

VQA_SCORES: dict[str, Any] = dict.fromkeys(QA_SCORES, 0.0) | {
    "answers_anls": 0.5,
    "answers_acc": 0.5,
}

VILT_CONFIG: dict[str, Any] = {
    "model": "pageloom/vqa-sm",
    "revision": None,
    "batch_tokens": 4096,
    "device": "auto",
    "dtype": "auto",
}


@Language.factory(
    "layoutlmv2_qa",
    default_config={"model": "pageloom/docqa-visual-sm", **QA_CONFIG},
    default_score_weights=QA_SCORES,
)
def layoutlmv2_qa(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    questions: list[str],
    top_k: int,
    max_answer_length: int,
    max_length: int,
    stride: int,
    batch_tokens: int,
    device: str,
    dtype: str,
) -> LayoutLMv2Qa:
    """Answers that are words of the document, by LayoutLMv2."""
    from pageloom.pipes.extractive_qa import LayoutLMv2Qa

    return LayoutLMv2Qa(
        name,
        model=model,
        revision=revision,
        questions=questions,
        top_k=top_k,
        max_answer_length=max_answer_length,
        max_length=max_length,
        stride=stride,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
    )


@Language.factory(
    "lilt_qa",
    default_config={"model": "pageloom/docqa-sm", **QA_CONFIG},
    default_score_weights=QA_SCORES,
)
def lilt_qa(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    questions: list[str],
    top_k: int,
    max_answer_length: int,
    max_length: int,
    stride: int,
    batch_tokens: int,
    device: str,
    dtype: str,
) -> LiltQa:
    """Answers that are words of the document, by LiLT."""
    from pageloom.pipes.extractive_qa import LiltQa

    return LiltQa(
        name,
        model=model,
        revision=revision,
        questions=questions,
        top_k=top_k,
        max_answer_length=max_answer_length,
        max_length=max_length,
        stride=stride,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
    )


@Language.factory(
    "vilt_vqa",
    default_config={**VILT_CONFIG, "questions": [], "top_k": 1},
    default_score_weights=VQA_SCORES,
)
def vilt_vqa(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    questions: list[str],
    top_k: int,
    batch_tokens: int,
    device: str,
    dtype: str,
) -> ViltVqa:
    """Answers from a fixed vocabulary, by a look at each page."""
    from pageloom.pipes.vilt import ViltVqa

    return ViltVqa(
        name,
        model=model,
        revision=revision,
        questions=questions,
        top_k=top_k,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
    )


@Language.factory(
    "vilt_matcher", default_config={**VILT_CONFIG, "statements": [], "threshold": 0.5}
)
def vilt_matcher(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    statements: list[str],
    threshold: float,
    batch_tokens: int,
    device: str,
    dtype: str,
) -> ViltMatcher:
    """How well each statement fits each page."""
    from pageloom.pipes.vilt import ViltMatcher

    return ViltMatcher(
        name,
        model=model,
        revision=revision,
        statements=statements,
        threshold=threshold,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
    )
