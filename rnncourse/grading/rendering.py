"""HTML pages from templates, with nothing of a student in them unescaped.

Jinja2 escapes every value on its own (autoescape), which hand-written string formatting does not; it comes
with Jupyter anyway. A strict policy in the page's head forbids scripts and anything from outside, should an
escape ever be missing.
"""

import functools
from typing import Any

import jinja2


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("rnncourse.grading"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, **values: Any) -> bytes:
    """The page `template` of rnncourse/grading/templates, filled in."""
    return _environment().get_template(template).render(**values).encode("utf-8", "replace")
