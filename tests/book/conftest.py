"""Fixtures for tests of the rendered book: the pages, a browser, and a watch over what it does."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from browser import find_browser, is_required, launch, serve, why_none
from places import HTML

_skipped: list[str] = []


@dataclass
class Visit:
    """A page that was opened, and everything that went wrong in it so far."""

    page: object
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Open(Protocol):
    def __call__(self, url: str, *, width: int = 1280) -> AbstractContextManager[Visit]: ...


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """The browser; without one the test skips, or fails where RNNCOURSE_REQUIRE_BROWSER is 1."""
    program = find_browser()
    if program is None:
        if is_required():
            pytest.fail(why_none())
        _skipped.append("browser")
        pytest.skip(why_none())
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright, program)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def book() -> Path:
    """The folder of the rendered book."""
    if not (HTML / "index.html").is_file():
        pytest.fail("no book in _build/html: expected 'make book' to have been run")
    return HTML


@pytest.fixture(scope="session")
def book_address(book: Path) -> Iterator[str]:
    """The book as a server on this machine gives it."""
    with serve(book) as address:
        yield address


@pytest.fixture
def open_page(chromium) -> Open:
    """Open an address; its errors, failed requests and requests to elsewhere are written down.

    Elsewhere is whatever does not lie under the folder that holds the page.
    """

    @contextmanager
    def open_(url: str, *, width: int = 1280) -> Iterator[Visit]:
        own = url.rsplit("/", 1)[0] + "/"
        context = chromium.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.set_default_timeout(15_000)
        visit = Visit(page)

        def on_request(request) -> None:
            visit.requests.append(request.url)
            # Blobs and data addresses hold their content: nothing is fetched.
            if not request.url.startswith((own, f"blob:{own[:8]}", "blob:null", "data:")):
                visit.problems.append(f"outside request: {request.url}")

        def on_response(response) -> None:
            if response.status >= 400:
                visit.problems.append(f"status {response.status}: {response.url}")

        def on_console(message) -> None:
            if message.type in ("error", "warning"):
                visit.problems.append(f"console {message.type}: {message.text}")

        page.on("request", on_request)
        page.on("response", on_response)
        page.on("console", on_console)
        page.on("pageerror", lambda error: visit.problems.append(f"page error: {error}"))
        page.on("requestfailed", lambda r: visit.problems.append(f"request failed: {r.url}"))
        try:
            page.goto(url)
            settle(page)
            yield visit
        finally:
            context.close()

    return open_


def settle(page) -> None:
    """Wait until formulas are typeset and widgets have started or said that they cannot."""
    page.evaluate("() => window.MathJax?.startup?.promise?.then(() => null)")
    page.evaluate("() => document.fonts.ready.then(() => null)")
    page.wait_for_function(
        """() => {
            const state = 'script[type="application/vnd.jupyter.widget-state+json"]';
            const done = document.documentElement.className.match(/widgets-(live|failed)/);
            return done || !document.querySelector(state);
        }"""
    )
    # What a script of the page asks for now is still seen. (Playwright's "networkidle" waits half a
    # second, and there are many pages.)
    page.wait_for_timeout(100)


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own last line: what was not tested, and how to have it tested."""
    if _skipped and not hasattr(config, "workerinput"):
        print(f"\nThe browser tests were SKIPPED: {why_none()}.")
