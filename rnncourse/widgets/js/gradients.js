// gradient_explorer: how large is the gradient when it reaches step t?
import { LogChart } from "./chart.js";
import { Decades, powerText, unpack } from "./codes.js";
import { select, slider } from "./controls.js";
import { el, norm } from "./dom.js";
import { Legend, marksText } from "./legend.js";
import { View } from "./view.js";

/** "bound (β_W β_h)^(T−t)", or the sum of such powers. */
function boundName(loss) {
  const power = (exponent) =>
    el("span", { class: "rnn-math" }, "(β", el("sub", {}, "W"), "β", el("sub", {}, "h"), ")", el("sup", {}, exponent));
  return loss === "last" ? ["bound ", power("T−t")] : ["bound Σ", el("sub", {}, "s"), power("s−t")];
}

class GradientView extends View {
  constructor(model, parent) {
    const grid = model.get("_grid");
    super(model, parent, {
      cell: grid.cells.map(({ key }) => key),
      loss: grid.losses.map(({ key }) => key),
      clip: grid.clips,
      gain: grid.gains,
      length: grid.lengths,
    });
    this.grid = grid;
    this.decades = new Decades(grid.codes);
    for (const name of ["norms", "bounds", "totals", "scales"]) this[name] = unpack(model.get(`_${name}`));
    // Where the curve of each length starts within one block.
    this.starts = [];
    this.block = grid.lengths.reduce((sum, length) => (this.starts.push(sum), sum + length + 1), 0);
    this.build();
  }

  build() {
    const { grid } = this;
    this.root.append(
      el(
        "div",
        { class: "rnn-knobs rnn-knobs-five" },
        this.knob("cell", select, { label: "Cell", options: grid.cells.map(({ label }) => label) }),
        this.knob("loss", select, { label: "Loss", options: grid.losses.map(({ label }) => label) }),
        this.knob("clip", select, {
          label: "Clip ‖g‖ at",
          options: grid.clips.map((clip) => (clip ? `θ = ${clip}` : "off")),
        }),
        this.knob("gain", slider, {
          label: "Gain of the recurrent matrix",
          values: grid.gains,
          text: (gain) => gain.toFixed(2),
        }),
        this.knob("length", slider, { label: "Length T", values: grid.lengths, text: (length) => `${length} steps` }),
      ),
    );
    const lines = [
      { key: "clipped", colour: "clipped", width: 2, dash: [9, 3, 2, 3], name: [norm("h", "t"), " after clipping"] },
      { key: "c", colour: "c", width: 2.5, dash: [8, 4], name: [norm("c", "t"), " cell state"] },
      { key: "h", colour: "h", width: 2.5, name: [norm("h", "t"), " measured"] },
      // On top: where the bound is reached, its dots still show on the curve.
      { key: "bound", colour: "bound", width: 2, dash: [2, 5], name: [] },
    ];
    this.chart = new LogChart(this.root, this.root, {
      lines,
      limits: grid.float32,
      margin: 40,
      onhover: (t) => this.showLegend(t ?? 0),
    });
    this.charts.push(this.chart);
    this.legend = new Legend(this.root, ["h", "c", "clipped", "bound"].map((key) => lines.find((line) => line.key === key)), grid.sequences);
    this.readout = el("output", { class: "rnn-readout", "aria-live": "polite" });
    this.root.append(this.readout);
  }

  /** The part of `array` that holds row `row` at the present gain, loss and length. */
  slice(array, row) {
    if (row === null || row === undefined) return null;
    const { gain, loss, length } = this.at;
    const { gains, losses, lengths } = this.grid;
    const start = ((row * gains.length + gain) * losses.length + loss) * this.block + this.starts[length];
    return array.subarray(start, start + lengths[length] + 1);
  }

  /** Codes to what the chart draws; `shift` in decades moves the whole curve. */
  curve(codes, shift = 0) {
    if (!codes) return null;
    const decades = Array.from(codes, (code) => {
      const value = this.decades.value(code);
      return value === null ? null : value + shift;
    });
    const specials = [];
    codes.forEach((code, t) => {
      if (code === this.decades.zero) specials.push({ t, kind: "zero" });
      if (code === this.decades.overflow) specials.push({ t, kind: "overflow" });
    });
    return { decades, specials };
  }

  draw() {
    const { grid, at, decades } = this;
    const cell = grid.cells[at.cell];
    const length = grid.lengths[at.length];
    const place = ((at.cell * grid.gains.length + at.gain) * grid.losses.length + at.loss) * grid.lengths.length + at.length;
    const clip = grid.clips[at.clip];
    const total = this.totals[place];
    const scale = this.scales[place * grid.clips.length + at.clip];
    this.codes = {
      h: this.slice(this.norms, cell.h),
      c: this.slice(this.norms, cell.c),
      bound: this.slice(this.bounds, cell.bound),
    };
    this.total = decades.value(total);
    this.shift = clip && !decades.isSpecial(scale) ? scale / decades.scale : null;
    const curves = {
      h: this.curve(this.codes.h),
      c: this.curve(this.codes.c),
      bound: this.curve(this.codes.bound),
      clipped: this.shift === null ? null : this.curve(this.codes.h, this.shift),
    };
    const first = decades.text(this.codes.h[0]);
    const last = decades.text(this.codes.h[length]);
    const knobs = `${cell.label}, gain ${grid.gains[at.gain].toFixed(2)}, T = ${length}, loss at ${grid.losses[at.loss].label}`;
    const bound = this.codes.bound ? `the bound at t = 0 is ${decades.text(this.codes.bound[0])}` : "no such bound for this cell";
    this.chart.show(
      length,
      curves,
      `Gradient norms over time on a logarithmic axis. ${knobs}. The norm of dL/dh is ${last} at t = ${length} ` +
        `and ${first} at t = 0` +
        (this.codes.c ? `; that of the partial derivative dL/dc, h held fixed, is ${decades.text(this.codes.c[0])} at t = 0` : "") +
        `; ${bound}.`,
      [
        ...(this.total === null ? [] : [{ decade: this.total, text: "‖g‖" }]),
        ...(clip ? [{ decade: Math.log10(clip), text: "θ" }] : []),
      ],
    );
    this.legend.rename("bound", boundName(grid.losses[at.loss].key));
    this.legend.note.textContent = marksText(curves);
    this.showLegend(0);
    this.showReadout({ knobs, first, last, length, bound, total, clip, scale });
  }

  showLegend(t) {
    if (!this.codes) return;
    const text = (codes) => (codes ? this.decades.text(codes[t]) : null);
    const { h, c, bound } = this.codes;
    const value = this.decades.value(h[t]);
    this.legend.show(t, {
      h: text(h),
      c: text(c),
      bound: bound ? text(bound) : "none for this cell",
      clipped: this.shift === null ? null : value === null ? text(h) : powerText(value + this.shift),
    });
  }

  showReadout({ knobs, first, last, length, bound, total, clip, scale }) {
    const { decades } = this;
    const lines = [
      el("div", {}, el("strong", {}, knobs), ": ", norm("h", 0), ` = ${first}, `, norm("h", length), ` = ${last}`,
        this.codes.c ? [", ", norm("c", 0), ` = ${decades.text(this.codes.c[0])}`] : null, `; ${bound}.`),
    ];
    let clipping = `Gradient of all parameters: ‖g‖ = ${decades.text(total)}`;
    if (clip && scale === 0) clipping += `, below θ = ${clip}: clipping changes nothing.`;
    else if (clip && !decades.isSpecial(scale))
      clipping += `, after clipping ${powerText(Math.log10(clip))}: all of it is multiplied by ${decades.text(scale)}.`;
    else clipping += ".";
    lines.push(el("div", {}, clipping));
    const warning = this.float32Text();
    if (warning) lines.push(el("div", { class: "rnn-warning" }, warning));
    this.readout.replaceChildren(...lines);
  }

  /** What single precision would make of this curve. */
  float32Text() {
    const { smallest, normal, largest } = this.grid.float32;
    const values = Array.from(this.codes.h, (code) => this.decades.value(code));
    const last = (test) => values.reduce((found, value, t) => (value !== null && test(value) ? t : found), -1);
    const zero = last((value) => value < smallest);
    if (zero >= 0) return `In float32 the gradient is exactly 0 at t ≤ ${zero}.`;
    const digits = last((value) => value < normal);
    if (digits >= 0) return `In float32 the gradient loses digits at t ≤ ${digits}.`;
    const over = last((value) => value > largest);
    if (over >= 0) return `In float32 the gradient overflows to inf at t ≤ ${over}.`;
    if (this.total > largest / 2) return "In float32 the squares behind ‖g‖ overflow: summed as they are, the norm is inf.";
    return null;
  }
}

export const render = (model, parent) => new GradientView(model, parent).start();
