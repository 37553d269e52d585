"""What the pages in the root point to is in the repository, and is the same on every system."""

import re
import subprocess
from pathlib import Path

import pytest
from check_notebooks import tracked

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)")
ELSEWHERE = re.compile(r"#|[a-z]+:")


def lost_links(root: Path, page: str) -> list[str]:
    """The relative links to files that git does not track, or that do not exist where there is no git."""
    names = tracked(root)
    links = [link for link in LINK.findall((root / page).read_text("utf-8")) if not ELSEWHERE.match(link)]
    targets = [link.partition("#")[0] for link in links]
    return [t for t in targets if not (root / t).is_file() or (names is not None and t not in names)]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_that_is_kept(page):
    assert lost_links(ROOT, page) == [], "expected files that git tracks"


def test_the_readme_has_its_picture():
    assert "](docs/gradient_explorer.png)" in (ROOT / "README.md").read_text("utf-8")
    assert (ROOT / "docs" / "gradient_explorer.png").stat().st_size < 120_000


def test_a_lost_link_is_found(tmp_path):
    (tmp_path / "here.md").write_text(
        "![a picture](docs/lost.png) [it](here.md#top) [there](https://example.org/x.md) [up](#top)", "utf-8"
    )
    assert lost_links(tmp_path, "here.md") == ["docs/lost.png"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert lost_links(tmp_path, "here.md") == ["docs/lost.png", "here.md"]
    subprocess.run(["git", "add", "here.md"], cwd=tmp_path, check=True)
    assert lost_links(tmp_path, "here.md") == ["docs/lost.png"]


@pytest.mark.skipif(tracked(ROOT) is None, reason="no git checkout")
def test_a_checkout_has_the_same_line_ends_everywhere():
    names = ["Makefile", ".ci/run", "book/02_vanilla_rnn.ipynb", "docs/gradient_explorer.png"]
    command = ["git", "check-attr", "text", "eol", "--", *names]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names[:-1]:
        assert f"{name}: text: auto\n{name}: eol: lf\n" in listed
    assert f"{names[-1]}: text: unset\n" in listed
