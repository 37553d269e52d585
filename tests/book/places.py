"""Where things are, and how wide the screens are that the book is tried on."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
WIDTHS = (1280, 390)  # a laptop and a phone
