"""Take out of the built pages the state of widgets that no page shows.

A notebook's metadata holds every widget that a cell made, also those made only to compute a number.
Each brings its whole front end along, so a chapter that compares five draws would weigh half a
megabyte more than what its reader sees.
"""

import json
import re
from pathlib import Path

STATE = re.compile(
    r'(<script type="application/vnd\.jupyter\.widget-state\+json">)(.*?)(</script>)', re.DOTALL
)
VIEW = re.compile(r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>', re.DOTALL)


def prune(page: str) -> str:
    """The page with only the models in its state that one of its views shows."""
    shown = {json.loads(view)["model_id"] for view in VIEW.findall(page)}

    def keep_shown(match: re.Match) -> str:
        content = json.loads(match[2])
        content["state"] = {key: model for key, model in content["state"].items() if key in shown}
        # As in the page before: no "</script>" may stand in a script.
        return match[1] + json.dumps(content).replace("</", "<\\/") + match[3]

    return STATE.sub(keep_shown, page)


def prune_folder(folder: Path) -> None:
    for path in sorted(folder.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if STATE.search(page) and (pruned := prune(page)) != page:
            path.write_text(pruned, encoding="utf-8", newline="\n")
