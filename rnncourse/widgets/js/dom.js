// Small helpers for elements and for measuring how long a redraw takes.

/** el("p", {class: "x", onclick: f}, "text", child): an element, without innerHTML. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** "dL/dh" with a true subscript, in norm bars; for c the derivative is partial, h is held fixed. */
export function norm(variable, subscript) {
  const d = variable === "c" ? "∂" : "d";
  return el("span", { class: "rnn-math" }, `‖${d}L/${d}${variable}`, el("sub", {}, subscript), "‖");
}

let count = 0;
/** Ids must differ between two views of one widget on one page. */
export const nextId = (stem) => `rnn-${stem}-${(count += 1)}`;

/** Run `draw` and leave its duration where browser tests find it. */
export function timed(draw) {
  const start = performance.now();
  draw();
  performance.measure("rnn-redraw", { start, end: performance.now() });
}
