"""Every page of the book, opened from a file and from a server, on a laptop and on a phone."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from page_checks import check_page
from places import ROOT, WIDTHS


def toc_names() -> list[str]:
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


@pytest.mark.parametrize("scheme", ["file", "http"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", toc_names())
def test_page(open_page, book, book_address, name, width, scheme):
    url = (book / f"{name}.html").as_uri() if scheme == "file" else f"{book_address}/{name}.html"
    with open_page(url, width=width) as visit:
        check_page(visit)


@pytest.mark.parametrize("name", toc_names())
def test_page_without_widgets_loads_no_widget_script(open_page, book, name):
    with open_page((book / f"{name}.html").as_uri()) as visit:
        has_views = visit.page.locator('script[type*="widget-view"]').count() > 0
        loads = any("widget-loader" in url for url in visit.requests)
    assert loads == has_views


def test_search_finds_a_page_from_a_file(open_page, book):
    with open_page((book / "search.html").as_uri() + "?q=gradient") as visit:
        visit.page.locator("#search-results li a").first.wait_for()
        assert visit.problems == []


def test_dark_mode_raises_no_error(open_page, book):
    with open_page((book / "notation.html").as_uri()) as visit:
        visit.page.evaluate("document.documentElement.dataset.theme = 'dark'")
        check_page(visit)


def test_still_forms_show_in_print_and_without_scripts(chromium, book):
    """A reader without JavaScript, or on paper, sees the still form of each widget."""
    names = [p for p in book.glob("*.html") if "tag_static-form" in p.read_text(encoding="utf-8")]
    assert names, "no page has a cell tagged static-form"
    for path in names:
        for scripts in (True, False):
            context = chromium.new_context(java_script_enabled=scripts)
            page = context.new_page()
            page.goto(path.as_uri(), wait_until="networkidle")
            still = page.locator(".tag_static-form .cell_output :is(img, svg)")
            assert still.count(), f"{path.name}: the still form holds no picture"
            assert still.first.is_visible() is not scripts, f"{path.name}, on screen"
            page.emulate_media(media="print")
            assert still.first.is_visible(), f"{path.name}, in print"
            context.close()


class _Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids |= {value for key in ("id", "name") if (value := values.get(key))}
        for key in ("href", "src"):
            if (value := values.get(key)) and not value.startswith("data:"):
                self.targets.append(value)


def broken_links(folder: Path) -> list[str]:
    """Every link to a file or an anchor that the folder of pages does not have."""
    pages = {path: _Links(path.read_text(encoding="utf-8")) for path in folder.glob("*.html")}
    broken = []
    for path, links in pages.items():
        for target in links.targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            file = (path.parent / unquote(url.path)).resolve() if url.path else path
            anchors = pages[file].ids if file in pages else None
            lost_anchor = url.fragment and anchors is not None and unquote(url.fragment) not in anchors
            if not file.exists() or lost_anchor:
                broken.append(f"{path.name} -> {target}")
    return broken


def test_no_link_inside_the_book_is_broken(book):
    assert broken_links(book) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html">b</a><a href="#x">x</a><p id="y">')
    (tmp_path / "c.html").write_text('<a href="a.html#y">y</a><a href="a.html#z">z</a>')
    found = sorted(broken_links(tmp_path))
    assert found == ["a.html -> #x", "a.html -> b.html", "c.html -> a.html#z"]
