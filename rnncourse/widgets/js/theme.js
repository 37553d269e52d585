// Dark or light: told by the page's theme, not by the system, since a page may differ from it.

function isDark() {
  const page = document.documentElement.dataset.theme; // the book's theme
  if (page === "dark" || page === "light") return page === "dark";
  const lab = document.body.dataset.jpThemeLight; // JupyterLab
  if (lab) return lab === "false";
  for (const node of [document.body, document.documentElement]) {
    const parts = getComputedStyle(node).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
    if (parts.length >= 3 && parts[3] !== 0) return parts[0] + parts[1] + parts[2] < 384;
  }
  return false;
}

/** Keep `root.dataset.scheme` right and call `changed` after each change. Returns a clean-up. */
export function followTheme(root, changed) {
  const print = window.matchMedia("print");
  function update() {
    const scheme = isDark() && !print.matches ? "dark" : "light";
    if (root.dataset.scheme === scheme) return;
    root.dataset.scheme = scheme;
    changed();
  }
  const observer = new MutationObserver(update);
  const watched = { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "class"] };
  observer.observe(document.documentElement, watched);
  observer.observe(document.body, watched);
  print.addEventListener("change", update);
  update();
  return () => {
    observer.disconnect();
    print.removeEventListener("change", update);
  };
}

const palettes = new WeakMap();

/** A colour of the widget's own palette (widgets.css). Asking for computed styles is slow, so they are kept. */
export function colour(root, name) {
  let palette = palettes.get(root);
  if (palette?.scheme !== root.dataset.scheme) {
    palette = { scheme: root.dataset.scheme, style: getComputedStyle(root), names: {} };
    palettes.set(root, palette);
  }
  // Empty until the host has put the widget and its styles into the page: that is not kept.
  return (palette.names[name] ||= palette.style.getPropertyValue(`--rnn-${name}`).trim());
}

/** What the canvases write with; the same as in widgets.css, which may not be there yet. */
export const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif';
