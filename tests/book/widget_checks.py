"""What must hold for every widget, whatever it shows: named controls that work and answer fast.

A widget is an element with the attribute `data-rnn-widget`. Its picture is what its canvases and
SVG elements show. It reports each redraw as a `performance.measure` named "rnn-redraw".
"""

import re
import statistics

CONTROLS = "input[type=range], input[type=checkbox], input[type=radio], select"
REDRAW_MS = 16  # one frame

PICTURE = """root => [...root.querySelectorAll('canvas, svg')]
    .map(e => e instanceof SVGElement ? e.outerHTML : e.toDataURL()).join('\\n')"""
# Two frames: a widget may gather events and draw in the next one.
NEXT_FRAME = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
REDRAWS = """async slider => {
    const frame = () => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
    const [low, high, step] = [slider.min || 0, slider.max || 100, slider.step || 1].map(Number);
    const start = slider.value, times = [];
    for (let i = 0; i < 24; i++) {
        // Forth and back over the whole range, so that every move is to another position.
        const share = Math.abs(((i + 1) % 12) - 6) / 6;
        const before = slider.value;
        slider.value = low + Math.round(share * (high - low) / step) * step;
        if (slider.value === before) continue;
        performance.clearMeasures('rnn-redraw');
        const begin = performance.now();
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        const handled = performance.now() - begin;
        await frame();
        const drawn = performance.getEntriesByName('rnn-redraw');
        if (!drawn.length) continue;
        times.push(Math.max(handled, drawn.reduce((sum, entry) => sum + entry.duration, 0)));
    }
    slider.value = start;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    await frame();
    return times;
}"""


def picture(page, root) -> str:
    page.evaluate(NEXT_FRAME)
    return root.evaluate(PICTURE)


def name_of(control) -> str:
    """The name that a screen reader says, from the browser's own accessibility tree."""
    snapshot = control.aria_snapshot()
    found = re.match(r'- [\w-]+ "(.+?)"', snapshot)
    assert found, f"a control has no accessible name: {control.evaluate('e => e.outerHTML')[:200]}"
    return found.group(1)


def check_slider(page, root, slider) -> None:
    name = name_of(slider)
    low, high = (
        float(slider.evaluate(f"e => e.{edge} || {other}")) for edge, other in (("min", 0), ("max", 100))
    )
    start = slider.input_value()

    slider.focus()
    page.keyboard.press("Home")
    assert float(slider.input_value()) == low, f"slider {name!r}: Home does not go to the lowest value"
    first = picture(page, root)
    page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) > low, f"slider {name!r}: ArrowRight does not move it"
    page.keyboard.press("End")
    assert float(slider.input_value()) == high, f"slider {name!r}: End does not go to the highest value"
    last = picture(page, root)
    assert first != last, f"slider {name!r}: the keyboard moves it and the picture stays the same"

    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 2, middle, steps=8)
    page.mouse.up()
    assert float(slider.input_value()) < high, f"slider {name!r}: the mouse does not move it"
    assert picture(page, root) != last, f"slider {name!r}: the mouse moves it and the picture stays the same"

    times = slider.evaluate(REDRAWS)
    assert times, f"slider {name!r}: no redraw was reported (performance.measure 'rnn-redraw')"
    median = statistics.median(times)
    assert median <= REDRAW_MS, f"slider {name!r}: a redraw takes {median:.1f} ms; expected <= {REDRAW_MS}"
    set_value(slider, start)


def set_value(slider, value: str) -> None:
    slider.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", value)


def check_select(page, root, select) -> None:
    name = name_of(select)
    options = select.locator("option").evaluate_all("all => all.map(o => o.value)")
    start = select.input_value()
    seen = {start: picture(page, root)}
    for option in options:
        if option not in seen:
            select.select_option(option)
            seen[option] = picture(page, root)
    for option, shown in seen.items():
        same = [other for other in seen if other != option and seen[other] == shown]
        assert not same, f"select {name!r}: {option!r} and {same[0]!r} show the same picture"
    select.select_option(start)


def check_tick(page, root, box) -> None:
    name = name_of(box)
    if box.is_checked() and box.get_attribute("type") == "radio":
        return  # its group's others are what can be changed
    before = picture(page, root)
    box.focus()
    page.keyboard.press("Space")
    assert picture(page, root) != before, f"{name!r}: ticking it leaves the picture the same"
    if box.get_attribute("type") == "checkbox":
        box.click()
        assert picture(page, root) == before, f"{name!r}: unticking it does not bring the picture back"


def reveal(root, control) -> bool:
    """Make a control usable that only some choice of a select gives; say whether it worked."""
    usable = lambda: control.is_visible() and control.is_enabled()  # noqa: E731
    if usable():
        return True
    for select in root.locator("select").all():
        start = select.input_value()
        for option in select.locator("option").evaluate_all("all => all.map(o => o.value)"):
            select.select_option(option)
            if usable():
                return True
        select.select_option(start)
    return False


def check_widget(page, root) -> int:
    """Try every control of a widget as a reader would; return how many there were."""
    kind = root.get_attribute("data-rnn-widget")
    controls = root.locator(CONTROLS).all()
    assert controls, f"widget {kind!r} has no controls"
    selects = root.locator("select").all()
    defaults = [select.input_value() for select in selects]
    for control in controls:
        markup = control.evaluate("e => e.outerHTML")[:200]
        assert reveal(root, control), f"widget {kind!r}: a control is never usable: {markup}"
        if control.evaluate("e => e.localName") == "select":
            check_select(page, root, control)
        elif control.get_attribute("type") == "range":
            check_slider(page, root, control)
        else:
            check_tick(page, root, control)
        for select, value in zip(selects, defaults, strict=True):
            if select.input_value() != value:
                select.select_option(value)
    return len(controls)
