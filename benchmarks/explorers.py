"""How long do the explorers take to compute their default grids, and how much do they hand to the page?

Median of three runs, float64 (matrices of 16 × 16, which BLAS does not spread over threads); bytes raw and
gzipped. The time of a redraw is measured in the browser, by tests/book/test_widgets.py.
"""

import gzip
import statistics
import time

import _record as record

from rnncourse.widgets import gradient_explorer, highway_explorer


def measure(make) -> dict[str, float]:
    seconds, widget = [], None
    for _ in range(3):
        begin = time.perf_counter()
        widget = make()
        seconds.append(time.perf_counter() - begin)
    data = b"".join(value for value in widget.get_state().values() if isinstance(value, bytes))
    return {
        "seconds": round(statistics.median(seconds), 2),
        "bytes": len(data),
        "gzipped": len(gzip.compress(data)),
    }


def main() -> None:
    results = {make.__name__: measure(make) for make in (gradient_explorer, highway_explorer)}
    for name, values in results.items():
        print(f"{name:<18} {values['seconds']:.2f} s, {values['bytes']:,} B, {values['gzipped']:,} B gzipped")
    record.save("explorers", results)


if __name__ == "__main__":
    main()
