"""A hook of the site: links to files of the repository that are no pages become plain text there."""

from __future__ import annotations

import re
from typing import Any

_LINK = re.compile(r"\[(?P<text>[^\]\n]+)\]\((?P<path>(?:\.\./)+[^)#\s]+)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Take the links out that lead out of docs/."""
    depth = page.file.src_uri.count("/")

    def replaced(link: re.Match[str]) -> str:
        leaves = link["path"].count("../") > depth
        return link["text"] if leaves else link[0]

    return _LINK.sub(replaced, markdown)
