// problem_shapes: which inputs, states, predictions and losses a task has, drawn step by step.
import { select, slider } from "./controls.js";
import { el } from "./dom.js";
import { View } from "./view.js";

const SVG = "http://www.w3.org/2000/svg";
// The rows, from above; the radius of a circle and half the width of a box.
const ROW = { loss: 20, prediction: 72, state: 130, input: 186 };
const [RADIUS, HALF, HEIGHT] = [15, 16, 206];
const LEFT = 46; // room for h_0

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** "x" with a lowered "3". */
function label(x, y, letter, subscript, colour) {
  const small = svg("tspan", { dy: 3, "font-size": 10 }, subscript);
  const attributes = { x, y: y + 5, "text-anchor": "middle", "font-size": 14, style: `fill:var(--rnn-${colour})` };
  return svg("text", attributes, letter, small);
}

/** A line along the points, with a head at the last; every piece runs along one axis. */
function arrow(points, colour) {
  const [[x0, y0], [x1, y1]] = points.slice(-2);
  const [dx, dy] = [Math.sign(x1 - x0), Math.sign(y1 - y0)];
  const [bx, by] = [x1 - 7 * dx, y1 - 7 * dy];
  const head = `M${x1} ${y1}L${bx - 4 * dy} ${by - 4 * dx}L${bx + 4 * dy} ${by + 4 * dx}Z`;
  const line = [...points.slice(0, -1), [bx, by]].map(([x, y], k) => `${k ? "L" : "M"}${x} ${y}`).join("");
  const colours = `stroke:var(--rnn-${colour});`;
  return [
    svg("path", { d: line, "stroke-width": 1.5, style: `${colours}fill:none` }),
    svg("path", { d: head, style: `fill:var(--rnn-${colour})` }),
  ];
}

function circle(x, y, colour, dashed) {
  const style = `fill:var(--rnn-card);stroke:var(--rnn-${colour})`;
  return svg("circle", { cx: x, cy: y, r: RADIUS, style, "stroke-width": 1.5, "stroke-dasharray": dashed ? "3 3" : "none" });
}

class Diagram {
  constructor(root, parent) {
    this.root = root;
    this.svg = svg("svg", { role: "img", "font-family": "inherit" });
    this.host = el("div", { class: "rnn-chart" }, this.svg);
    parent.append(this.host);
  }

  show(parts, description) {
    this.parts = parts;
    this.svg.setAttribute("aria-label", description);
    this.paint();
  }

  paint() {
    const width = Math.max(240, this.host.clientWidth || this.root.clientWidth || 600);
    this.width = width;
    const columns = this.parts.reduce((sum, { inputs }) => sum + inputs.length, 0);
    // Two cells share a row where there is room, or else the second goes below the first.
    const stacked = this.parts.length > 1 && width < LEFT + 48 * (columns + 1);
    const longest = stacked ? Math.max(...this.parts.map(({ inputs }) => inputs.length)) : columns + (this.parts.length - 1) / 2;
    const pitch = Math.min(76, (width - LEFT - RADIUS - 12) / Math.max(1, longest - 0.35));
    const marks = [];
    // A first row without predictions needs no room for them.
    let [x, top] = [LEFT + HALF, stacked && !this.parts[0].predictions.includes(true) ? HALF + 8 - ROW.state : 0];
    const start = ROW.state + top;
    marks.push(label(14, start, "h", "0", "soft"), ...arrow([[28, start], [x - HALF, start]], "soft"));
    this.parts.forEach((part, number) => {
      if (number && stacked) {
        const [right, first, y] = [x - pitch + HALF, LEFT + HALF, ROW.state + top];
        const below = y + HEIGHT - 6;
        // Down between the two rows, and into the first box from the left.
        const turn = top + HEIGHT + 2;
        marks.push(...arrow([[right, y], [right + 9, y], [right + 9, turn], [LEFT - 16, turn], [LEFT - 16, below + 12], [first - HALF, below + 12]], "text"));
        [x, top] = [first, top + HEIGHT + 6];
      } else if (number) {
        marks.push(...arrow([[x - pitch + HALF, ROW.state], [x + pitch / 2 - HALF, ROW.state]], "text"));
        x += pitch / 2;
      }
      for (let t = 0; t < part.inputs.length; t += 1) {
        if (t) marks.push(...arrow([[x - pitch + HALF, ROW.state + top], [x - HALF, ROW.state + top]], "text"));
        this.step(marks, part, t, x, top, number);
        x += pitch;
      }
    });
    const height = top + HEIGHT;
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) this.svg.setAttribute(name, value);
    this.svg.replaceChildren(...marks);
  }

  step(marks, { inputs, predictions, losses }, t, x, top, number) {
    const at = (row) => ROW[row] + top;
    const n = String(t + 1);
    const style = `fill:var(--rnn-card);stroke:var(--rnn-${number ? "c" : "h"})`;
    const box = { width: 2 * HALF, height: 2 * HALF, rx: 5, style, "stroke-width": 2.5 };
    marks.push(svg("rect", { ...box, x: x - HALF, y: at("state") - HALF }));
    // A second outline tells the second cell apart without colour.
    if (number) marks.push(svg("rect", { ...box, x: x - HALF + 4, y: at("state") - HALF + 4, width: 2 * HALF - 8, height: 2 * HALF - 8, rx: 3, "stroke-width": 1 }));
    marks.push(label(x, at("state"), "h", n, "text"));
    const given = inputs[t] ? "text" : "soft";
    marks.push(circle(x, at("input"), given, !inputs[t]), label(x, at("input"), inputs[t] ? "x" : "0", inputs[t] ? n : "", given));
    marks.push(...arrow([[x, at("input") - RADIUS], [x, at("state") + HALF]], given));
    if (predictions[t]) {
      const asked = losses[t] ? "text" : "soft";
      marks.push(circle(x, at("prediction"), asked, !losses[t]), label(x, at("prediction"), "y", n, asked));
      marks.push(...arrow([[x, at("state") - HALF], [x, at("prediction") + RADIUS]], asked));
    }
    if (losses[t]) {
      marks.push(circle(x, at("loss"), "c", false), label(x, at("loss"), "L", n, "text"));
      marks.push(...arrow([[x, at("prediction") - RADIUS], [x, at("loss") + RADIUS]], "c"));
    }
  }

  resize() {
    if (this.parts && this.width !== Math.max(240, this.host.clientWidth)) this.paint();
  }

  redraw() {} // colours follow the theme by themselves

  destroy() {
    this.host.remove();
  }
}

class ShapesView extends View {
  constructor(model, parent) {
    const grid = model.get("_grid");
    super(model, parent, {
      problem: grid.problems.map(({ key }) => key),
      input_length: grid.lengths,
      output_length: grid.lengths,
    });
    this.grid = grid;
    this.build();
  }

  build() {
    const { grid } = this;
    const text = (steps) => `${steps} step${steps > 1 ? "s" : ""}`;
    this.root.append(
      el(
        "div",
        { class: "rnn-knobs" },
        this.knob("problem", select, { label: "Shape of the problem", options: grid.problems.map(({ label: name }) => name) }),
        this.knob("input_length", slider, { label: "Length of the input", values: grid.lengths, text }),
        this.knob("output_length", slider, { label: "Length of the output", values: grid.lengths, text }),
      ),
    );
    this.diagram = new Diagram(this.root, this.root);
    this.charts.push(this.diagram);
    this.rows = el("tbody", {});
    this.readout = el("output", { class: "rnn-readout", "aria-live": "polite" });
    this.note = el("div", { class: "rnn-at" });
    this.root.append(
      this.note,
      this.readout,
      el("table", { class: "rnn-shapes" }, this.rows),
    );
  }

  draw() {
    const { grid, at } = this;
    const { label: name, example, uses, cases } = grid.problems[at.problem];
    for (const knob of ["input_length", "output_length"]) this.controls[knob].node.hidden = !uses.includes(knob);
    const index = (knob) => (uses.includes(knob) ? at[knob] : 0);
    const { parts, rows, parameters } = cases[index("input_length")][index("output_length")];
    const count = (part, key) => part[key].filter(Boolean).length;
    const words = parts.map((part) => `${part.inputs.length} steps, ${count(part, "inputs")} with an input, ${count(part, "losses")} with a loss`);
    this.diagram.show(parts, `Diagram of the shape ${name}: ${words.join("; then a second cell: ")}.`);
    this.readout.replaceChildren(el("div", {}, el("strong", {}, name), `: ${example}`));
    const [cells, second] = parts.length > 1 ? ["two cells", "; double box: a second cell with its own weights"] : ["one cell", ""];
    this.note.textContent = `h state, x input (0: none), y prediction, L loss; dashed: not there, or no loss asks for it${second}`;
    this.rows.replaceChildren(
      ...[...rows, ["parameters", cells, `${parameters}, whatever the length`]].map(([what, letters, shape]) =>
        el("tr", {}, el("th", { scope: "row" }, what), el("td", {}, letters), el("td", {}, shape)),
      ),
    );
  }
}

export const render = (model, parent) => new ShapesView(model, parent).start();
