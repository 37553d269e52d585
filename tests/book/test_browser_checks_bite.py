"""The browser checks fail on pages that are wrong, and the widget host runs what it should run."""

import base64
import html
import json
import struct

import pytest
from page_checks import check_page
from places import ROOT
from readme_picture import slide
from widget_checks import check_widget

LOADER = (ROOT / "book" / "_assets" / "widget-loader.js").read_text(encoding="utf-8")

# A small widget that passes; each sabotage below changes one thing in it.
GOOD = """
export default {
  render({ model, el }) {
    const values = new Float32Array(model.get("values").buffer);
    el.innerHTML = `<div data-rnn-widget="trial">
      <label>Gain <input type="range" min="0" max="10" value="3"></label>
      <label>Cell <select><option>LSTM</option><option>GRU</option></select></label>
      <label>Clip <input type="checkbox"></label>
      <canvas width="200" height="50"></canvas></div>`;
    const [slider, select, box, canvas] = el.querySelectorAll("input, select, canvas");
    const draw = () => {
      const start = performance.now();
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, 200, 50);
      pen.fillStyle = select.value === "GRU" ? "red" : "blue";
      pen.fillRect(0, 0, slider.value * values[1], box.checked ? 20 : 40);
      performance.measure("rnn-redraw", { start, end: performance.now() });
    };
    slider.value = model.get("gain");
    slider.addEventListener("input", () => {
      model.set("gain", Number(slider.value));
      model.save_changes();
    });
    model.on("change:gain", () => { slider.value = model.get("gain"); draw(); });
    for (const control of [select, box]) control.addEventListener("input", draw);
    draw();
  },
};
"""


def entry(esm: str, **state) -> dict:
    """A model's state as Jupyter stores it: binary values apart, in base64."""
    data = base64.b64encode(struct.pack("<3f", 5, 10, 15)).decode()
    return {
        "model_module": "anywidget",
        "model_name": "AnyModel",
        "state": {
            "_esm": esm,
            "_css": "[data-rnn-widget] { color: rgb(1, 2, 3) }",
            "gain": 3,
            **state,
        },
        "buffers": [{"encoding": "base64", "path": ["values"], "data": data}],
    }


@pytest.fixture
def page_of(tmp_path):
    """Write a page with the given models, one view for each named model; return its address."""

    def write(models: dict[str, dict], views: list[str], extra: str = "") -> str:
        state = json.dumps({"version_major": 2, "state": models}).replace("</", "<\\/")
        shown = "".join(
            '<script type="application/vnd.jupyter.widget-view+json">'
            f"{json.dumps({'model_id': view})}</script>"
            for view in views
        )
        text = (
            "<!doctype html><html lang=en><head><meta charset=utf-8><title>t</title>"
            '<link rel=icon href="data:,">'
            f'<script type="application/vnd.jupyter.widget-state+json">{state}</script>'
            f'<script defer src="loader.js"></script></head><body>{shown}{extra}</body></html>'
        )
        (tmp_path / "loader.js").write_text(LOADER, encoding="utf-8")
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        return path.as_uri()

    return write


def try_out(visit) -> None:
    """All that the suite checks of a page with widgets."""
    roots = visit.page.locator("[data-rnn-widget]").all()
    for root in roots:
        check_widget(visit.page, root)
    check_page(visit)
    assert roots, "no widget was drawn"


def test_a_good_widget_passes(open_page, page_of):
    with open_page(page_of({"a": entry(GOOD)}, ["a"])) as visit:
        try_out(visit)
        colour = visit.page.locator("[data-rnn-widget]").evaluate("e => getComputedStyle(e).color")
        assert colour == "rgb(1, 2, 3)"
        assert visit.page.evaluate("document.documentElement.className") == "widgets-live"


SABOTAGE = {
    "the picture stays the same": GOOD.replace("slider.value * values[1]", "50"),
    "leaves the picture the same": GOOD.replace("box.checked ? 20 : 40", "40"),
    "show the same picture": GOOD.replace('"red"', '"blue"'),
    "no accessible name": GOOD.replace("<label>Gain <input", "<label></label> <input"),
    "no redraw was reported": GOOD.replace('measure("rnn-redraw"', 'measure("other"'),
    "a redraw takes": GOOD.replace("const pen", "while (performance.now() - start < 30) {} const pen"),
    "never usable": GOOD.replace('type="checkbox"', 'type="checkbox" disabled'),
    "ArrowRight does not move": GOOD.replace(
        "draw();\n  },", "slider.onkeydown = (e) => e.key !== 'ArrowRight';draw();\n  },"
    ),
    "page error": GOOD.replace("performance.measure", "if (box.checked) null.x; performance.measure"),
    "did not start": GOOD.replace("render({", "render({ nothing, ").replace(
        "const values", "throw Error('x'); const values"
    ),
}


@pytest.mark.parametrize("message", SABOTAGE)
def test_a_broken_widget_is_found(open_page, page_of, message):
    esm = SABOTAGE[message]
    assert esm != GOOD
    url = page_of({"a": entry(esm)}, ["a"])
    with open_page(url) as visit, pytest.raises(AssertionError, match=message):
        try_out(visit)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (entry("export default {}"), "no render function"),
        (entry("this is no module"), "Unexpected identifier"),
        (entry(GOOD) | {"model_module": "@jupyter-widgets/controls"}, "is not an anywidget"),
        (None, "no state"),
    ],
    ids=["no render", "syntax", "another kind of widget", "no state"],
)
def test_the_host_says_in_place_why_a_widget_does_not_start(open_page, page_of, model, reason):
    models = {"good": entry(GOOD)} | ({"bad": model} if model else {})
    with open_page(page_of(models, ["bad", "good"])) as visit:
        alert = visit.page.get_by_role("alert")
        assert reason in alert.inner_text()
        assert any("did not start" in problem for problem in visit.problems)
        # The others go on, and the still forms are not hidden.
        assert visit.page.locator("[data-rnn-widget]").count() == 1
        assert visit.page.evaluate("document.documentElement.className") == "widgets-failed"


def test_two_views_share_their_model(open_page, page_of):
    esm = GOOD.replace(
        "export default {",
        "export default () => ({ initialize({ model }) { model.set('gain', 7); },",
    )
    esm = esm.rstrip().removesuffix("};") + "});"
    with open_page(page_of({"a": entry(esm)}, ["a", "a"])) as visit:
        first, second = visit.page.locator("input[type=range]").all()
        assert (first.input_value(), second.input_value()) == ("7", "7")
        first.focus()
        visit.page.keyboard.press("End")
        assert second.input_value() == "10"
        assert visit.problems == []


BAD_PAGES = {
    "outside request": '<img alt="x" src="http://localhost:9/x.png">',
    "request failed": '<script src="lost.js"></script>',
    "alternative text": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">',
    "not typeset": '<span class="math">x^2</span>',
    "sideways": '<div style="width: 3000px">wide</div>',
    "page error": "<script>throw new Error('oops')</script>",
    "console error": "<script>console.error('oops')</script>",
    "icon font": "<script src='webfonts/fa.js'></script>",
}


@pytest.mark.parametrize("message", BAD_PAGES)
def test_a_broken_page_is_found(open_page, page_of, message):
    url = page_of({}, [], BAD_PAGES[message])
    with open_page(url) as visit, pytest.raises(AssertionError, match=message):
        check_page(visit)


def test_a_sound_page_passes(open_page, page_of):
    with open_page(page_of({}, [], f"<p>{html.escape('1 < 2')}</p>")) as visit:
        check_page(visit)


def test_the_picture_is_taken_at_the_stop_that_is_shown(open_page, page_of):
    slider = (
        '<main><label>Gain <input type="range" max="2" oninput="this.ariaValueText ='
        " ['0.50', '1.00', '1.20'][this.value]\"></label></main>"
    )
    with open_page(page_of({}, [], slider)) as visit:
        root = visit.page.locator("main")
        slide(root, "Gain", "1.20")
        assert root.get_by_label("Gain").input_value() == "2"
        with pytest.raises(ValueError, match=r"Gain: expected a stop that says 1\.25; got none"):
            slide(root, "Gain", "1.25")
