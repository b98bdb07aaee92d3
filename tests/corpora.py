"""One small receipt, or form, in every format that pageloom reads.

The page is 200 x 400 pixels. Each writer returns the path that a reader is given.
"""

import json
from pathlib import Path

from PIL import Image

WORDS = ["Corner", "Shop", "Total:", "12.50"]
PIXELS = [[20, 40, 80, 60], [90, 40, 130, 60], [20, 100, 80, 120], [90, 100, 150, 120]]
BOXES = [(100, 100, 400, 150), (450, 100, 650, 150), (100, 250, 400, 300), (450, 250, 750, 300)]


def picture(path, size=(200, 400)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "white").save(path)
    return path


def put(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value)
    path.write_text(text, encoding="utf8")
    return path


def block(words, label, number=0):
    found = [{"text": WORDS[n], "box": PIXELS[n]} for n in words]
    text = " ".join(WORDS[n] for n in words)
    return {
        "id": number,
        "text": text,
        "box": PIXELS[words[0]],
        "label": label,
        "words": [*found, {"text": " ", "box": [0, 0, 0, 0]}],  # both datasets have such words
        "linking": [],
    }


def form(labels=("header", "question", "answer")):
    return [block(words, label) for words, label in zip(([0, 1], [2], [3]), labels, strict=True)]


def funsd(folder: Path, **options) -> Path:
    put(folder / "annotations" / "0001.json", {"form": form(**options)})
    picture(folder / "images" / "0001.png")
    return folder


def xfund(folder: Path, **options) -> Path:
    image = {"fname": "de_train_0.jpg", "width": 200, "height": 400}
    document = {"id": "de_train_0", "uid": "x", "document": form(**options), "img": image}
    picture(folder / "de_train_0.jpg")
    return put(folder / "de.train.json", {"lang": "de", "documents": [document]})


def quad(box):
    x0, y0, x1, y1 = box
    across, down = (x0, x1, x1, x0), (y0, y0, y1, y1)
    return {f"x{n + 1}": across[n] for n in range(4)} | {f"y{n + 1}": down[n] for n in range(4)}


def cord(folder: Path, category="total.total_price") -> Path:
    def line(words, category, keys=()):
        return {
            "category": category,
            "group_id": 1,
            "words": [
                {"text": WORDS[n], "quad": quad(PIXELS[n]), "is_key": int(n in keys), "row_id": 7}
                for n in words
            ],
        }

    lines = [line([0, 1], "menu.nm"), line([2, 3], category, keys=[2])]
    meta = {"image_size": {"width": 200, "height": 400}}
    put(folder / "json" / "receipt_00000.json", {"valid_line": lines, "meta": meta, "roi": {}})
    picture(folder / "image" / "receipt_00000.png")
    return folder


LINES = [("Corner Shop", [20, 40, 130, 60]), ("Total: 12.50", [20, 100, 150, 120])]


def sroie(folder: Path, fields=None) -> Path:
    record = {
        "id": "000",
        "image": "img/000.jpg",
        "width": 200,
        "height": 400,
        "lines": [{"text": text, "box": box} for text, box in LINES],
        "fields": fields or {"company": "CORNER SHOP", "total": "12.50"},
    }
    picture(folder / "img" / "000.jpg")
    put(folder / "receipts.jsonl", json.dumps(record) + "\n")
    return folder


def sroie_challenge(folder: Path, fields=None) -> Path:
    rows = []
    for text, (x0, y0, x1, y1) in LINES:
        rows.append(",".join(map(str, (x0, y0, x1, y0, x1, y1, x0, y1, text))))
    put(folder / "box" / "X001.txt", "\r\n".join(rows) + "\r\n")
    put(folder / "key" / "X001.txt", fields or {"company": "CORNER SHOP", "total": "12.50"})
    picture(folder / "img" / "X001.jpg")
    return folder


def label_studio(folder: Path, labels=("company", "total")) -> Path:
    results = []
    regions = [("a", LINES[1], labels[1]), ("b", LINES[0], labels[0])]  # drawn from below
    for name, (text, (x0, y0, x1, y1)), label in regions:
        place = {"x": x0 / 2, "y": y0 / 4, "width": (x1 - x0) / 2, "height": (y1 - y0) / 4}
        size = {"original_width": 200, "original_height": 400, "image_rotation": 0, "id": name}
        results += [
            {**size, "type": "rectangle", "value": {**place, "rotation": 0}},
            {**size, "type": "labels", "value": {**place, "labels": [label]}},
            {**size, "type": "textarea", "value": {**place, "text": [text]}},
        ]
    results.append({"id": "c", "type": "choices", "value": {"choices": ["receipt"]}})
    task = {
        "id": 7,
        "data": {"ocr": "/data/upload/1/0a1b2c3d-receipt.png"},
        "annotations": [{"id": 1, "was_cancelled": False, "result": results}],
    }
    picture(folder / "receipt.png")
    return put(folder / "export.json", [task])


def record(**changes):
    found = {
        "id": "a1",
        "image": "receipt.png",
        "words": [{"text": w, "box": b} for w, b in zip(WORDS, PIXELS, strict=True)],
        "entities": [
            {"start": 0, "end": 2, "label": "company"},
            {"start": 3, "end": 4, "label": "total"},
        ],
        "class": "receipt",
        "questions": [
            {
                "question": "What is the total?",
                "answers": [{"start": 3, "end": 4}, {"text": "12.5"}],
            },
            {"question": "What is the tax?", "answers": []},
        ],
    }
    found.update(changes)
    return {key: value for key, value in found.items() if value is not ...}


def jsonl(folder: Path, *records) -> Path:
    picture(folder / "receipt.png")
    lines = [json.dumps(item) for item in records or [record()]]
    return put(folder / "corpus.jsonl", "\n".join(lines) + "\n")


WRITERS = {
    "cord": cord,
    "funsd": funsd,
    "jsonl": jsonl,
    "label-studio": label_studio,
    "sroie": sroie,
    "xfund": xfund,
}
