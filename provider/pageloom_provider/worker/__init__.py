"""What runs on a worker: batches of documents through spaCy pipelines.

The one room of this provider that imports pageloom, and with it spaCy, and only inside functions
that a running task calls: a DAG file parses without them.
"""

from pageloom_provider.worker.batch import run_batch
from pageloom_provider.worker.fields import found_documents
from pageloom_provider.worker.functions import call_with_documents
from pageloom_provider.worker.inputs import BatchError
from pageloom_provider.worker.pipelines import build, describe
from pageloom_provider.worker.records import collected, read_docs
from pageloom_provider.worker.remote import Progress, Waiting, run_on_server
from pageloom_provider.worker.views import leave_views

__all__ = [
    "BatchError",
    "Progress",
    "Waiting",
    "build",
    "call_with_documents",
    "collected",
    "describe",
    "found_documents",
    "leave_views",
    "read_docs",
    "run_batch",
    "run_on_server",
]
