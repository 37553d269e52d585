"""Take the README's picture from the built book: the gradient explorer as the reader sees it.

python tools/readme_picture.py     # after make book; writes docs/gradient_explorer.png
"""

import sys
from pathlib import Path

from browser import find_browser, launch, why_none
from playwright.sync_api import Locator, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "_build" / "html" / "05_vanishing_and_exploding.html"
TARGET = ROOT / "docs" / "gradient_explorer.png"


def slide(root: Locator, label: str, text: str) -> None:
    """Move a slider to the stop that says `text`; its own value is the number of the stop."""
    slider = root.get_by_label(label)
    for stop in range(int(slider.get_attribute("max") or 0) + 1):
        slider.fill(str(stop))
        if slider.get_attribute("aria-valuetext") == text:
            slider.blur()
            return
    raise ValueError(f"{label}: expected a stop that says {text}; got none")


def main() -> int:
    program = find_browser()
    if program is None or not PAGE.is_file():
        reason = why_none() if program is None else "no book in _build/html: run 'make book' first"
        print(f"readme_picture: {reason}", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = launch(playwright, program)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(PAGE.as_uri())
        root = page.locator('[data-rnn-widget="gradient_explorer"]')
        root.wait_for()
        root.get_by_label("Cell").select_option("tanh")
        slide(root, "Gain of the recurrent matrix", "1.20")
        TARGET.parent.mkdir(exist_ok=True)
        root.screenshot(path=TARGET)
        browser.close()
    print(TARGET.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
