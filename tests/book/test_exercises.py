"""The exercise at the end of a chapter: a section of its page, with hints that unfold one by one."""

import pytest


@pytest.mark.parametrize("width", [1280, 390])
def test_hints_unfold_one_by_one(open_page, book, width):
    with open_page((book / "02_vanilla_rnn.html").as_uri(), width=width) as visit:
        hints = visit.page.locator("#graded-exercise details.answer > summary")
        assert hints.nth(0).inner_text() == "Hint 1"
        assert [hints.nth(k).is_visible() for k in range(2)] == [True, False]
        hints.nth(0).click()
        assert [hints.nth(k).is_visible() for k in range(3)] == [True, True, False]
        hints.nth(1).click()
        assert hints.nth(2).is_visible()
        width = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1]
        assert visit.problems == []


def test_parts_are_no_entries_of_the_table_of_contents(open_page, book):
    with open_page((book / "02_vanilla_rnn.html").as_uri()) as visit:
        entries = visit.page.locator(".bd-sidebar-secondary li a").all_inner_texts()
    assert "Graded exercise" in [entry.strip() for entry in entries]
    assert not any("02.1" in entry for entry in entries)
