"""The front end as one HTML file: its style, its modules and its data inside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from typing import Any

from pageloom.viewer import STATIC

__all__ = ["page"]

_IMPORT = re.compile(r'^import (\{[^}]+\}) from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const)) (\w+)", re.MULTILINE)


def page(title: str, data: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """One HTML file that needs no other, and no network.

    Args:
        title: of the page.
        data: what the front end's `source.js` reads in place of an API.
        pictures: `data:` addresses, by `<document's id>-<page's number>`.
    """
    style, script = _text("viewer.css"), _script("viewer.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    charset = '<meta charset="utf-8">'
    changes = {
        charset: f'{charset}\n<meta name="generator" content="pageloom">'
        f'\n<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "<title>Documents</title>": f"<title>{html.escape(title)}</title>",
        '<link rel="stylesheet" href="viewer.css">': f"<style>{style}</style>",
        '<script type="module" src="viewer.js"></script>': "",
        "</body>": "".join(_blocks(data, pictures, script)),
    }
    text = _text("index.html")
    for old, new in changes.items():
        before, found, after = text.partition(old)
        assert found, f"index.html has no {old}"
        text = f"{before}{new}{after}"
    return text


def _blocks(data: Mapping[str, Any], pictures: Mapping[str, str], script: str) -> list[str]:
    told = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return [
        f'<script type="application/json" id="data">{told}</script>\n',
        *(
            f'<script type="text/plain" id="picture-{html.escape(name)}">{address}</script>\n'
            for name, address in pictures.items()
        ),
        # No script but this one runs, whatever a document says.
        f'<script type="module">{script}</script>\n</body>',
    ]


def _script(entry: str) -> str:
    """The module `entry` and all that it imports, each in a function of its own, as one script."""
    done: list[str] = []
    parts = ["const modules = {};\n"]

    def add(name: str) -> None:
        text = _text(name)
        for _, below in _IMPORT.findall(text):
            if below not in done:
                add(below)
        done.append(name)
        names = ", ".join(exported for _, exported in _EXPORT.findall(text))
        body = _IMPORT.sub(r'const \1 = modules["\2"];\n', text)
        body = _EXPORT.sub(r"\1 \2", body)
        parts.append(f'modules["{name}"] = (() => {{\n{body}return {{ {names} }};\n}})();\n')

    add(entry)
    return "".join(parts)


def _text(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
