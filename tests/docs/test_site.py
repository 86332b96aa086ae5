"""The site: its navigation has every page, its links lead somewhere, and its reference says what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from docs.outside import on_page_markdown
from docs.reference.__main__ import differences
from tests.docs.page import REPOSITORY, name_of

DOCS = REPOSITORY / "docs"
SVG = "{http://www.w3.org/2000/svg}"
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


def test_a_drawing_shows_what_its_source_says() -> None:
    """Graphviz is not asked: what is drawn lies beside its source."""
    for source in DOCS.rglob("*.dot"):
        drawing = ElementTree.parse(source.with_suffix(".svg")).getroot()
        edges = [group for group in drawing.iter(f"{SVG}g") if group.get("class") == "edge"]
        drawn = {(edge.findtext(f"{SVG}title"), " ".join(" ".join(edge.itertext()).split()[1:])) for edge in edges}
        said = re.findall(r'^ *(\w+ -> \w+) \[label = "(.+)"\];$', source.read_text(), re.MULTILINE)
        written = {(arrow.replace(" ", ""), " ".join(label.replace("\\n", " ").split())) for arrow, label in said}
        assert drawn == written, f"draw it again: dot -Tsvg {source.name}"


def test_no_page_needs_a_script_from_elsewhere_to_be_read() -> None:
    for page in PAGES:
        assert "```mermaid" not in page.read_text(encoding="utf-8"), (
            f"{page.name}: the theme draws it with a script of a CDN"
        )


def test_the_site_has_no_link_to_what_it_lacks() -> None:
    text = "[a](../examples/a.py), [b](b.md), [c](../c.md#d) and [e](../../README.md)"
    page = SimpleNamespace(file=SimpleNamespace(src_uri="guides/page.md"))
    assert on_page_markdown(text, page=page) == "[a](../examples/a.py), [b](b.md), [c](../c.md#d) and e"
    page.file.src_uri = "page.md"
    assert on_page_markdown(text, page=page) == "a, [b](b.md), c and e"
