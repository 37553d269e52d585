// bptt_window: which terms of the gradient a window keeps, as a matrix over (t, k).
import uPlot from "uplot";
import { Decades, unpack } from "./codes.js";
import { select, slider } from "./controls.js";
import { el } from "./dom.js";
import { RAMP, scaleBar } from "./heat.js";
import { Panel } from "./panel.js";
import { colour, FONT } from "./theme.js";
import { View } from "./view.js";

const LOWEST = -4; // decades: the darkest colour
const GUTTER = 50;
const WIDEST = 470;
// Pale to middle grey, for what is cut, as [from, to] of each channel.
const GREYS = { light: [[246, 176], [247, 182], [248, 190]], dark: [[30, 84], [36, 92], [43, 102]] };
const HATCH = 7; // distance of the lines, in CSS pixels

/** log10 of a norm as 0..1 of the scale; a term that is exactly 0 has the lowest colour. */
const share = (decade) => (decade === null ? 0 : Math.min(1, Math.max(0, 1 - decade / LOWEST)));

class MatrixPanel extends Panel {
  constructor(root, parent, steps) {
    super();
    Object.assign(this, { root, steps, terms: null });
    this.host = el("div", { class: "rnn-chart" });
    parent.append(this.host);
    this.picture = document.createElement("canvas");
    this.picture.width = steps;
    this.picture.height = steps;
    const axis = (label, size, labelSize) => ({
      stroke: () => colour(root, "text"),
      font: FONT,
      labelFont: FONT,
      label,
      labelSize,
      size,
      gap: 3,
      space: 30,
      incrs: [1, 2, 5, 10, 20, 50],
      values: (u, ticks) => ticks.map(String),
      grid: { show: false },
      ticks: { stroke: () => colour(root, "grid"), width: 1, size: 4 },
    });
    const range = () => [0.5, steps + 0.5];
    this.adopt(new uPlot(
      {
        ...this.size(),
        padding: [6, 10, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, range }, y: { dir: -1, range } }, // the first loss on top
        axes: [axis("step k", 28, 18), axis("loss at step t", GUTTER - 18, 18)],
        series: [{}, { show: true, points: { show: false } }],
        hooks: { draw: [(u) => this.paint(u)] },
      },
      [[1, steps], [null, null]],
      this.host,
    ));
  }

  /** As wide as there is room, up to a limit, and so high that the matrix is a square. */
  size() {
    const width = Math.min(WIDEST, this.room());
    return { width, height: width - GUTTER - 10 + 46 + 6 };
  }

  /** decade(t, k): log10 of the norm of a term, null for 0, undefined where it is cut and not computed;
   * first(t): the first step that the loss at t still reaches. Steps count from 1. */
  show(terms, description) {
    this.terms = terms;
    this.canvas.setAttribute("aria-label", description);
    this.plot.redraw(false, false);
  }

  paint(u) {
    if (!this.terms) return;
    const { decade, first } = this.terms;
    const { steps } = this;
    const context = this.picture.getContext("2d");
    const image = context.createImageData(steps, steps);
    const pixels = new Uint32Array(image.data.buffer);
    const greys = GREYS[this.root.dataset.scheme] ?? GREYS.light;
    for (let t = 1; t <= steps; t += 1) {
      for (let k = 1; k <= t; k += 1) {
        const value = decade(t, k);
        const level = value === undefined ? 0 : share(value);
        const at = (t - 1) * steps + k - 1;
        if (k >= first(t)) pixels[at] = RAMP[Math.round(255 * level)];
        else greys.forEach(([from, to], channel) => (image.data[4 * at + channel] = from + (to - from) * level));
        image.data[4 * at + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    const { ctx, bbox } = u;
    const cell = bbox.width / steps;
    ctx.save();
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(this.picture, bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.beginPath();
    for (let t = 1; t <= steps; t += 1) {
      const cut = first(t) - 1;
      if (cut > 0) ctx.rect(bbox.left, bbox.top + (t - 1) * cell, cut * cell, cell);
    }
    ctx.clip();
    ctx.beginPath();
    const apart = HATCH * devicePixelRatio;
    for (let x = bbox.left - bbox.height; x < bbox.left + bbox.width; x += apart) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.strokeStyle = colour(this.root, "soft");
    ctx.lineWidth = devicePixelRatio;
    ctx.stroke();
    ctx.restore();
  }
}

const two = (value) => value.toFixed(2).replace("-", "−");
/** Where row t of a triangle begins that lies row after row, 1 ≤ k ≤ t. */
const row = (t) => (t * (t - 1)) / 2;

class WindowView extends View {
  constructor(model, parent) {
    const grid = model.get("_grid");
    super(model, parent, { mode: grid.modes.map(({ key }) => key), window: grid.windows, gain: grid.gains });
    this.grid = grid;
    this.decades = new Decades(grid.codes);
    this.terms = unpack(model.get("_terms"));
    this.zeroed = unpack(model.get("_zeroed"));
    // Of each window: how many terms a run from zero has, block after block.
    const { steps } = grid;
    this.sizes = grid.windows.map((window) => Math.floor(steps / window) * row(window + 1) + row((steps % window) + 1));
    this.build();
  }

  build() {
    const { grid } = this;
    this.root.append(
      el(
        "div",
        { class: "rnn-knobs" },
        this.knob("mode", select, { label: "Truncation", options: grid.modes.map(({ label }) => label) }),
        this.knob("window", slider, {
          label: "Window",
          values: grid.windows,
          text: (window) => `${window} ${window === 1 ? "step" : "steps"}`,
        }),
        this.knob("gain", slider, { label: "Gain of the recurrent matrix", values: grid.gains, text: (gain) => gain.toFixed(1) }),
      ),
      el(
        "div",
        { class: "rnn-panel-head" },
        el("span", {}, "Norm of each term, the largest = 1"),
        scaleBar("≤ 1e−4", "1"),
      ),
    );
    this.note = el("div", { class: "rnn-at" });
    this.readout = el("output", { class: "rnn-readout", "aria-live": "polite" });
    const beside = el("div", { class: "rnn-beside" });
    this.root.append(beside);
    this.matrix = new MatrixPanel(this.root, beside, grid.steps);
    beside.append(el("div", {}, this.note, this.readout));
    this.charts.push(this.matrix);
  }

  /** The first step that the loss at t reaches: the same rule as truncation.kept in Python. */
  first(mode, window, t) {
    if (mode === "full") return 1;
    if (mode === "sliding") return Math.max(1, t - window + 1);
    return window * Math.floor((t - 1) / window) + 1;
  }

  draw() {
    const { grid, at, decades } = this;
    const { key: mode, label } = grid.modes[at.mode];
    const [window, gain, steps] = [grid.windows[at.window], grid.gains[at.gain], grid.steps];
    this.controls.window.node.querySelector("input").disabled = mode === "full" || grid.windows.length < 2;
    const first = (t) => this.first(mode, window, t);
    const count = row(steps + 1);
    let code = (t, k) => this.terms[at.gain * count + row(t) + k - 1];
    if (mode === "zeroed") {
      const all = this.sizes.reduce((sum, size) => sum + size, 0);
      const start = at.gain * all + this.sizes.slice(0, at.window).reduce((sum, size) => sum + size, 0);
      const full = row(window + 1);
      code = (t, k) => {
        const block = Math.floor((t - 1) / window);
        return this.zeroed[start + block * full + row(t - block * window) + k - block * window - 1];
      };
    }
    let kept = 0;
    for (let t = 1; t <= steps; t += 1) kept += t - first(t) + 1;
    const [cosine, ratio] = grid.compared[mode][at.gain][at.window];
    const taken = grid.taken[mode][at.window];
    const cached = mode === "full" ? steps : window;
    const named = mode === "full" ? label : `${label}, window ${window}`;
    const decade = (t, k) => (mode === "zeroed" && k < first(t) ? undefined : decades.value(code(t, k)));
    this.matrix.show(
      { decade, first },
      `Matrix of the ${count} terms of a gradient over ${steps} steps: down the loss at step t, to the right the step k, ` +
        `gain ${gain.toFixed(1)}. ${named}: ${kept} terms are kept. Cosine to the full gradient ${two(cosine)}, ` +
        `norm ${two(ratio)} of the full one. ${taken} backward steps for ${steps} losses, ${cached} steps in memory at once.`,
    );
    this.note.textContent =
      mode === "full"
        ? "Nothing is cut."
        : mode === "zeroed"
          ? "Hatched: does not exist, because the state was set to zero at the border."
          : "Hatched: cut. The stronger the grey, the larger the term that is lost.";
    const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
    this.readout.replaceChildren(
      el("div", {}, el("strong", {}, `${kept} of ${count} terms are kept`), `: cosine to the full gradient `,
        el("span", { class: "rnn-reading" }, two(cosine)), `, norm `, el("span", { class: "rnn-reading" }, two(ratio)), ` of the full one.`),
      el("div", {}, `Cost: ${taken} backward steps for ${steps} losses, ${(taken / steps).toFixed(1)} a loss; `,
        `${plural(cached, "step")} in memory at once.`),
    );
  }
}

export const render = (model, parent) => new WindowView(model, parent).start();
