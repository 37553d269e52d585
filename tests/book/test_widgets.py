"""The widgets of the rendered book, tried as a reader would, with no kernel and no network."""

import pytest
from page_checks import check_page
from page_weight import table, weigh
from places import WIDTHS
from test_pages import toc_names
from widget_checks import check_widget

LIMIT = 2_300_000  # bytes, gzipped: a page with its widgets and all that it loads


def pages_with_widgets(book) -> list[str]:
    found = [n for n in toc_names() if "widget-view+json" in (book / f"{n}.html").read_text("utf-8")]
    assert found, "no page of the book shows a widget"
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_every_control_of_every_widget(open_page, book, width):
    for name in pages_with_widgets(book):
        with open_page((book / f"{name}.html").as_uri(), width=width) as visit:
            roots = visit.page.locator("[data-rnn-widget]").all()
            views = visit.page.locator('script[type*="widget-view"]').count()
            assert len(roots) == views, f"{name}: {views} widgets, {len(roots)} were drawn"
            for root in roots:
                check_widget(visit.page, root)
            check_page(visit)


def test_weight_of_pages_with_widgets(chromium, book, book_address):
    for name in pages_with_widgets(book):
        parts = weigh(chromium, book_address, name)
        assert sum(part.size for part in parts) <= LIMIT, f"{name}\n{table(parts)}"
