"""How long does each chapter take to run? Executed afresh, one after the other, kernel start included.

The limit is 60 s each on two cores; tests/book/test_notebooks.py asserts it.
"""

import time
from pathlib import Path

import _record as record
import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).parent.parent / "book"


def seconds(path: Path) -> float:
    notebook = nbformat.read(path, as_version=4)
    begin = time.perf_counter()
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(BOOK)}}).execute()
    return round(time.perf_counter() - begin, 1)


def main() -> None:
    results = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        results[path.stem] = seconds(path)
        print(f"{path.stem:<32} {results[path.stem]:6.1f} s")
    record.save("chapters", results)


if __name__ == "__main__":
    main()
