"""The site: its navigation has every page, its links lead somewhere, and its reference says what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs.outside import on_page_markdown
from docs.reference.__main__ import differences
from tests.docs.page import REPOSITORY, name_of

DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# Read as text: mkdocs and its YAML belong to another environment than the tests'.
NAVIGATION = re.findall(r"^ *- [^\n:]+: (\S+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"^ *```.*?^ *```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            yield target


def test_every_page_has_its_place() -> None:
    assert sorted(NAVIGATION) == [page.relative_to(DOCS).as_posix() for page in PAGES], "see `nav` in mkdocs.yml"


@pytest.mark.parametrize("page", [REPOSITORY / "README.md", *PAGES], ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), f"{target} is not there"
        headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(_slug, headings), f"{path} has no heading #{anchor}"


def _slug(heading: str) -> str:
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def test_the_reference_says_what_the_code_says() -> None:
    assert not differences(), "run `make format`"


def test_the_site_has_no_link_to_what_it_lacks() -> None:
    text = "[a](../examples/a.py), [b](b.md), [c](../c.md#d) and [e](../../README.md)"
    page = SimpleNamespace(file=SimpleNamespace(src_uri="guides/page.md"))
    assert on_page_markdown(text, page=page) == "[a](../examples/a.py), [b](b.md), [c](../c.md#d) and e"
    page.file.src_uri = "page.md"
    assert on_page_markdown(text, page=page) == "a, [b](b.md), c and e"
