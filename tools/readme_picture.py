"""Take the README's picture from the built book: the gradient explorer as the reader sees it.

python tools/readme_picture.py     # after make book; writes docs/gradient_explorer.png
"""

import sys
from pathlib import Path

from browser import HOW_TO_GET_ONE, find_browser, launch
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "_build" / "html" / "05_vanishing_and_exploding.html"
TARGET = ROOT / "docs" / "gradient_explorer.png"


def main() -> int:
    program = find_browser()
    if program is None or not PAGE.is_file():
        need = f"needs the built book (make book) and a browser: {HOW_TO_GET_ONE}"
        print(f"readme_picture: {need}", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = launch(playwright, program)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(PAGE.as_uri())
        root = page.locator('[data-rnn-widget="gradient_explorer"]')
        root.wait_for()
        root.get_by_label("Gain of the recurrent matrix").fill("1.2")
        TARGET.parent.mkdir(exist_ok=True)
        root.screenshot(path=TARGET)
        browser.close()
    print(TARGET.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
