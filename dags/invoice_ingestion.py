"""Invoices and receipts: from a folder of documents to a table of their fields.

list -> OCR (queue "cpu") -> LayoutLMv2 (queue "gpu") -> export. A task handles a batch.
Under LocalExecutor queues mean nothing and everything runs on this machine, with or without a GPU;
under CeleryExecutor the workers that serve the two queues share the work.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from pageloom_provider.operators import (
    ExportFieldsOperator,
    LayoutLMv2TaggerOperator,
    ListDocumentsOperator,
    OcrOperator,
)

HERE = Path(__file__).resolve().parent
STORE = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "pageloom"

with DAG(
    dag_id="invoice_ingestion",
    description="Reads invoices and receipts and writes their fields to a table.",
    schedule=None,
    catchup=False,
    tags=["pageloom"],
    render_template_as_native_obj=True,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
        "source": Param(
            str(HERE.parent / "samples" / "documents"),
            type="string",
            title="Documents",
            description="A folder, as a path or a URI of object storage.",
        ),
        "work": Param(
            str(STORE / "work"),
            type="string",
            title="Work folder",
            description="Where shards and the quarantine go.",
        ),
        "results": Param(
            str(STORE / "results"),
            type="string",
            title="Results folder",
            description="Where fields.jsonl goes, and fields.sqlite without a connection.",
        ),
        "sql_conn_id": Param(
            None,
            type=["null", "string"],
            title="Database connection",
            description="SQLite or PostgreSQL; without one, fields.sqlite in the results folder.",
        ),
        "model": Param("pageloom/fields-sm", type="string", title="Model"),
        "device": Param("auto", type="string", title="Device"),
        "batch_size": Param(4, type="integer", minimum=1, title="Documents in a task"),
    },
) as dag:
    listing = ListDocumentsOperator(
        task_id="list_documents",
        source="{{ params.source }}",
        batch_size="{{ params.batch_size }}",
    )
    ocr = OcrOperator.partial(
        task_id="ocr",
        work="{{ params.work }}",
        queue="cpu",
    ).expand(documents=listing.output)
    tagger = LayoutLMv2TaggerOperator.partial(
        task_id="tag_fields",
        work="{{ params.work }}",
        model="{{ params.model }}",
        device="{{ params.device }}",
        queue="gpu",
    ).expand(shard=ocr.output)
    ExportFieldsOperator(
        task_id="export_fields",
        shards=tagger.output,
        jsonl="{{ params.results }}/fields.jsonl",
        sql_conn_id="{{ params.sql_conn_id }}",
        sqlite="{{ none if params.sql_conn_id else params.results ~ '/fields.sqlite' }}",
        table="fields",
    )
