"""What must hold for every page. Each check raises an AssertionError that says what is wrong."""


def check_page(visit) -> None:
    """No error, nothing from elsewhere, fits the screen, pictures named, formulas typeset."""
    page = visit.page
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], f"the page scrolls sideways: {width[0]} px on {width[1]} px"

    nameless = page.evaluate("[...document.images].filter(i => !i.alt?.trim()).map(i => i.src.slice(0, 80))")
    assert nameless == [], f"images without alternative text: {nameless}"

    raw = page.evaluate(
        """[...document.querySelectorAll('.math')]
            .filter(m => !m.querySelector('mjx-container') || m.querySelector('mjx-merror'))
            .map(m => m.textContent)"""
    )
    assert raw == [], f"formulas that were not typeset: {raw}"

    # The icon font of the theme, instead of ours: an icon is missing from tools/icon_font.py.
    fonts = [url for url in visit.requests if "webfonts" in url]
    assert fonts == [], f"the theme's large icon font was loaded: {fonts}"
    assert not visit.problems, "\n".join(visit.problems)
