"""A book with a cell that fails does not build; the same book without it does."""

import shutil
import subprocess
import sys

import nbformat
import pytest
import tasks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from places import ROOT

TOC = "format: jb-book\nroot: intro\n"


@pytest.mark.parametrize(
    ("source", "text", "builds"),
    [
        ("1 + 1", "Text.", True),
        ("1 / 0", "Text.", False),
        ("import warnings; warnings.warn('x')", "Text.", False),
        ("1 + 1", "[lost](nowhere.md)", False),
    ],
    ids=["sound", "a failing cell", "a warning", "a broken link"],
)
def test_build(tmp_path, source, text, builds):
    book = tmp_path / "book"
    shutil.copy(ROOT / "_config.yml", tmp_path)
    for name in ("_assets", "_templates"):
        shutil.copytree(ROOT / "book" / name, book / name, ignore=shutil.ignore_patterns("vendor"))
    (book / "_toc.yml").write_text(TOC, encoding="utf-8")
    (book / "references.bib").write_text("", encoding="utf-8")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [new_markdown_cell(f"# Trial\n\n{text}"), new_code_cell(source)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), book / "intro.ipynb")
    done = subprocess.run([sys.executable, *tasks.BUILD_BOOK], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode == 0) is builds, done.stdout[-2000:] + done.stderr[-4000:]
