"""Reads the SROIE receipts and splits them so that no receipt's twin is on the other side."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pageloom.corpus.receipts import LABELS, Line, Scan, normalise, reading_order, rows

__all__ = [
    "DEFAULT_FOLDER",
    "LABELS",
    "Line",
    "Scan",
    "Split",
    "normalise",
    "read",
    "reading_order",
    "rows",
    "split",
]

# shared/ lies beside the repository.
DEFAULT_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "sroie"


@dataclass(frozen=True)
class Split:
    """Three disjoint lists of receipts; nothing may be chosen by looking at `held_out`."""

    train: tuple[Scan, ...]
    validation: tuple[Scan, ...]
    held_out: tuple[Scan, ...]


def read(folder: str | Path = DEFAULT_FOLDER) -> list[Scan]:
    """All receipts of `folder` (`receipts.jsonl` and `img/`), in the file's order.

    Raises FileNotFoundError, saying where the data belongs, if the folder or an image is absent,
    and ValueError, naming file and line, if a record cannot be read.
    """
    folder = Path(folder)
    source = folder / "receipts.jsonl"
    if not source.is_file():
        raise FileNotFoundError(
            f"{source} is missing: this recipe needs the SROIE receipts (receipts.jsonl and img/). "
            "Put them there, or give their folder as --data."
        )
    scans = []
    for number, record in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            scan = _scan(json.loads(record), folder)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{source}, line {number}: not a receipt ({error!r})") from error
        if not scan.image_path.is_file():
            raise FileNotFoundError(f"{source}, line {number}: {scan.image_path} is missing")
        scans.append(scan)
    return scans


def _scan(record: dict[str, object], folder: Path) -> Scan:
    lines = []
    for line in record["lines"]:  # type: ignore[attr-defined]
        x0, y0, x1, y1 = line["box"]
        lines.append(Line(line["text"], (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))))
    fields = {k: v for k, v in record["fields"].items() if k in LABELS and normalise(v)}  # type: ignore[attr-defined]
    return Scan(
        id=str(record["id"]),
        image_path=folder / str(record["image"]),
        width=int(record["width"]),  # type: ignore[call-overload]
        height=int(record["height"]),  # type: ignore[call-overload]
        lines=tuple(lines),
        fields=fields,
    )


def split(scans: Iterable[Scan], *, held_out: int = 100, validation: int = 40) -> Split:
    """A fixed split of any collection: each receipt's place follows from its image's content.

    Receipts that are the same picture, have the same text, or agree in company, date and total go
    to one side together. `held_out` and `validation` are counts of receipts and are met exactly
    as long as groups are small. The order of `scans` does not matter.
    """
    groups = _groups(sorted(scans, key=lambda scan: scan.id))
    parts: tuple[list[Scan], list[Scan], list[Scan]] = ([], [], [])
    for _, group in sorted(groups, key=lambda item: item[0]):
        if len(parts[2]) + len(group) <= held_out:
            parts[2].extend(group)
        elif len(parts[1]) + len(group) <= validation:
            parts[1].extend(group)
        else:
            parts[0].extend(group)
    train, selection, last = (tuple(sorted(part, key=lambda scan: scan.id)) for part in parts)
    return Split(train=train, validation=selection, held_out=last)


def _groups(scans: Sequence[Scan]) -> list[tuple[str, list[Scan]]]:
    """(hash that orders the group, its receipts); twins are joined by any key they share."""
    group_of: dict[str, int] = {}
    members: dict[int, list[tuple[str, Scan]]] = {}
    for number, scan in enumerate(scans):
        digest = hashlib.sha256(scan.image_path.read_bytes()).hexdigest()
        keys = (f"image {digest}", *_twin_keys(scan))
        joined = sorted({group_of[key] for key in keys if key in group_of})
        target = joined[0] if joined else number
        members.setdefault(target, []).append((digest, scan))
        for other in joined[1:]:
            members[target].extend(members.pop(other))
        for key, group in group_of.items():
            if group in joined[1:]:
                group_of[key] = target
        group_of.update(dict.fromkeys(keys, target))
    return [
        (min(digest for digest, _ in group), [scan for _, scan in group])
        for group in members.values()
    ]


def _twin_keys(scan: Scan) -> list[str]:
    text = normalise(" ".join(line.text for line in scan.lines))
    keys = [f"text {text}"] if text else []
    facts = [
        re.sub(r"^RM", "", normalise(scan.fields.get(k, ""))) for k in LABELS if k != "address"
    ]
    if all(facts):
        keys.append("facts " + "|".join(facts))
    return keys
