"""How many bytes, gzipped, a page of the book costs its reader, and where the weight sits.

python tools/page_weight.py              # every page
python tools/page_weight.py 06_lstm      # one page, file by file
"""

import gzip
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from browser import find_browser, launch, serve, why_none
from playwright.sync_api import Browser, sync_playwright

HTML = Path(__file__).resolve().parent.parent / "_build" / "html"
STATE = re.compile(rb'<script type="application/vnd\.jupyter\.widget-state\+json">.*?</script>', re.DOTALL)
# The first pattern that is found in a file's path names its group.
GROUPS = {
    "MathJax and its fonts": r"/vendor/mathjax/",
    "icon font": r"\.(woff2?|ttf)$",
    "widget host": r"/widget-loader\.js$",
    "search": r"/(searchindex|searchtools|language_data|sphinx_highlight)\.js$",
    "theme, styles": r"\.css$",
    "theme, scripts": r"\.js$",
    "images": r"\.(svg|png|jpe?g|ico)$",
    "page": r"\.html$",
}


@dataclass(frozen=True)
class Part:
    group: str
    name: str
    size: int  # bytes, gzipped


def packed(body: bytes) -> int:
    return len(gzip.compress(body, 6, mtime=0))


def group_of(path: str) -> str:
    return next((group for group, sign in GROUPS.items() if re.search(sign, path)), "other")


def weigh(browser: Browser, address: str, name: str) -> list[Part]:
    """Open a page and weigh all that it loads."""
    responses = []
    page = browser.new_page()
    page.on("response", lambda response: responses.append(response))
    page.goto(f"{address}/{name}.html")
    # Typesetting takes longer than the pause that would be taken for the end; then come its fonts.
    page.evaluate("() => window.MathJax?.startup?.promise?.then(() => null)")
    page.evaluate("() => document.fonts.ready.then(() => null)")
    page.wait_for_load_state("networkidle")
    # A widget's module is loaded from memory (a blob): it came with the page's state.
    loaded = [r for r in responses if r.ok and r.url.startswith(address)]
    bodies = {urlsplit(r.url).path: r.body() for r in loaded}
    page.close()
    parts = []
    for path, body in bodies.items():
        if states := STATE.findall(body) if path.endswith(".html") else []:
            # The state belongs to the page's file; what it adds to its weight is shown apart.
            bare = packed(STATE.sub(b"", body))
            size = packed(body) - bare
            parts.append(Part("widgets: data and code", f"{len(states)} state(s)", size))
            parts.append(Part(group_of(path), path, bare))
        else:
            parts.append(Part(group_of(path), path, packed(body)))
    return sorted(parts, key=lambda part: -part.size)


def table(parts: list[Part]) -> str:
    sizes: dict[str, int] = {}
    for part in parts:
        sizes[part.group] = sizes.get(part.group, 0) + part.size
    rows = sorted(sizes.items(), key=lambda row: -row[1])
    rows.append(("total", sum(sizes.values())))
    return "\n".join(f"  {size / 1000:8.1f} kB  {group}" for group, size in rows)


def main(names: list[str]) -> int:
    program = find_browser()
    if program is None:
        print(why_none(), file=sys.stderr)
        return 1
    if not (HTML / "index.html").is_file():
        print("no book in _build/html: run 'make book' first", file=sys.stderr)
        return 1
    every = names or sorted(p.stem for p in HTML.glob("*.html") if p.stem != "index")
    with sync_playwright() as playwright, serve(HTML) as address:
        browser = launch(playwright, program)
        for name in every:
            parts = weigh(browser, address, name)
            print(f"{name}\n{table(parts)}")
            if names:
                print("\n".join(f"    {part.size / 1000:8.1f} kB  {part.name}" for part in parts))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
