"""Only widgets that a page shows stay in it."""

import json

from prune_widgets import STATE, VIEW, prune

MODELS = {"seen": {"state": {"_esm": "</script> & ü"}}, "unseen": {"state": {}}}


def page(models, *views):
    state = json.dumps({"state": models, "version_major": 2}).replace("</", "<\\/")
    scripts = [f'<script type="application/vnd.jupyter.widget-state+json">{state}</script>']
    for view in views:
        content = json.dumps({"model_id": view})
        scripts.append(f'<script type="application/vnd.jupyter.widget-view+json">{content}</script>')
    return "<p>before</p>" + "<p>between</p>".join(scripts) + "<p>after</p>"


def test_what_no_view_shows_goes_and_the_rest_stays_as_it_was():
    pruned = prune(page(MODELS, "seen"))
    assert pruned == page({"seen": MODELS["seen"]}, "seen")
    content = json.loads(STATE.search(pruned)[2])
    assert content["state"]["seen"]["state"]["_esm"] == "</script> & ü"


def test_a_page_without_widgets_stays_as_it_is():
    assert prune("<p>text</p>") == "<p>text</p>"


def test_the_built_pages_hold_only_what_they_show(book):
    holding = 0
    for path in book.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        if match := STATE.search(text):
            holding += 1
            views = {json.loads(view)["model_id"] for view in VIEW.findall(text)}
            assert set(json.loads(match[2])["state"]) == views, path.name
    assert holding >= 2  # the two chapters with an explorer
