"""Views of documents as a run leaves them, without a pipeline."""

import hashlib

from pageloom_provider.views import Entry, Origin, write_views


def identity(name):
    return hashlib.sha256(name.encode()).hexdigest()


def view(name, *, status="ok", fields=(), pages=1, source=None, id=None):
    """A document's view; `fields` are (label, text, score)."""
    return {
        "version": 1,
        "id": id or identity(name),
        "name": name,
        "source": source or f"/inbox/{name}",
        "status": status,
        "lowest": min((score for *_, score in fields), default=None),
        "pages": [{"number": n + 1, "width": 1654, "height": 2339} for n in range(pages)],
        "fields": [
            {
                "label": label,
                "rank": 0,
                "text": text,
                "value": None,
                "score": score,
                "page": 1,
                "box": [100, 100, 300, 120],
            }
            for label, text, score in fields
        ],
        "checks": [],
        "answers": [],
        "classes": {},
        "errors": [] if status == "ok" else [error(f"{name} is damaged")],
        "links": [],
    }


def error(message):
    return {"component": "reader", "category": "unreadable", "page": None, "message": message}


def summary(view):
    return {
        "id": view["id"],
        "name": view["name"],
        "status": view["status"],
        "pages": len(view["pages"]),
        "fields": len(view["fields"]),
        "errors": len(view["errors"]),
        "lowest": view["lowest"],
        "classes": {},
        "failed_checks": 0,
        "review": None,
        "labels": [field["label"] for field in view["fields"]],
        "first_page": 1,
    }


def leave(root, views, *, dag_id="invoices", run_id="manual__1", task_id="export", **entry):
    """Write views as a task of a run does."""
    origin = Origin(dag_id, run_id, task_id, entry.pop("map_index", -1))
    entries = (Entry(each, summary(each), **entry) for each in views)
    return write_views(str(root), origin, entries)


def thousand(root, count=1000, **run):
    """A run of many documents: a tenth failed, a tenth not sure of the total."""
    return leave(
        root,
        [
            view(f"broken-{n:04}.pdf", status="failed", pages=0)
            if n % 10 == 0
            else view(
                f"invoice-{n:04}.pdf",
                fields=[("total", f"{n}.00", 0.5 if n % 10 == 1 else 0.99), ("iban", "DE", 0.95)],
            )
            for n in range(count)
        ],
        **run,
    )
