"""Cut the theme's icon font down to the icons that the book shows: 150 kB become 5 kB.

The font is Font Awesome Free (SIL Open Font License 1.1), which comes with the theme. A browser
test fails when a page shows an icon that is not named here.
"""

import sys
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset

# By the names in Font Awesome: first the buttons, then the marks of notes, tips and warnings.
ICONS = (
    "angle-down angle-left angle-right angle-up arrow-up bars chevron-down circle-half-stroke "
    "code download expand file file-lines file-pdf house list magnifying-glass moon outdent sun "
    "xmark "
    "arrow-up-right-from-square bell circle-check circle-exclamation circle-info circle-xmark "
    "lightbulb pencil quote-left share triangle-exclamation"
).split()


def main(target: str) -> None:
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme"
    source = theme / "static" / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.ttf"
    options = subset.Options(flavor="woff", layout_features=[], glyph_names=False)
    font = subset.load_font(str(source), options)
    missing = set(ICONS) - set(font.getGlyphOrder())
    if missing:
        sys.exit(f"error: the theme's icon font has no {', '.join(sorted(missing))}")
    cutter = subset.Subsetter(options)
    cutter.populate(glyphs=ICONS)
    # The codes of these glyphs: the style sheet names icons by code.
    cutter.populate(unicodes=[code for code, name in font.getBestCmap().items() if name in ICONS])
    cutter.subset(font)
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    subset.save_font(font, target, options)


if __name__ == "__main__":
    main(sys.argv[1])
