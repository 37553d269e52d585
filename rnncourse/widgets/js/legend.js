// A legend that doubles as the read-out at the pointer: sample, name, value at one step.
import { el } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";

/** What the triangles in the chart mean; "" where there are none. */
export function marksText(curves) {
  const marks = Object.entries(curves).flatMap(([key, curve]) => (curve?.specials ?? []).map((mark) => ({ key, ...mark })));
  const notes = [];
  if (marks.some(({ kind }) => kind === "zero")) notes.push("▼ exactly 0");
  const last = marks.filter(({ key, kind }) => key === "c" && kind === "zero");
  if (last.length === 1 && last[0].t > 0) notes[0] += `: the loss reads h at t = ${last[0].t}, not c`;
  if (marks.some(({ kind }) => kind === "overflow")) notes.push("▲ not finite, even in float64");
  return notes.join("; ");
}

/** The line as it is drawn: colour, width and dashes. */
function sample({ colour, width, dash }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 40 8");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", "M1 4H39");
  line.style.stroke = `var(--rnn-${colour})`;
  line.setAttribute("stroke-width", width);
  if (dash) line.setAttribute("stroke-dasharray", dash.join(" "));
  svg.append(line);
  return svg;
}

export class Legend {
  /** lines as for LogChart, with `name`: a list of nodes and strings. */
  constructor(parent, lines, sequences) {
    this.sequences = sequences;
    this.head = el("span", { class: "rnn-at" });
    this.rows = new Map();
    const list = el("ul", { class: "rnn-legend" });
    for (const line of lines) {
      const value = el("span", { class: "rnn-reading" });
      const note = el("span", { class: "rnn-name" }, line.name);
      const row = el("li", {}, sample(line), note, value);
      list.append(row);
      this.rows.set(line.key, { row, value, note, name: line.name });
    }
    this.note = el("div", { class: "rnn-at" });
    parent.append(el("div", { class: "rnn-legend-box" }, this.head, list, this.note));
  }

  /** Give a line another name: the formula of a bound depends on the loss. */
  rename(key, name) {
    this.rows.get(key).note.replaceChildren(...name);
  }

  /** texts: {key: string | null}; null hides a line that the present choice does not have. */
  show(t, texts) {
    this.head.replaceChildren(`median of ${this.sequences} sequences, at t = ${t}`);
    for (const [key, { row, value }] of this.rows) {
      row.hidden = texts[key] === null || texts[key] === undefined;
      value.textContent = texts[key] ?? "";
    }
  }
}
