// highway_explorer: what the forget gate does to the gradient that travels through the cell state.
import { LogChart } from "./chart.js";
import { bytes, Decades, unpack } from "./codes.js";
import { slider } from "./controls.js";
import { el, norm } from "./dom.js";
import { GatePanel, scaleBar } from "./heat.js";
import { Legend, marksText } from "./legend.js";
import { View } from "./view.js";

const signed = (bias) => (bias < 0 ? `−${(-bias).toFixed(1)}` : bias.toFixed(1));

class HighwayView extends View {
  constructor(model, parent) {
    const grid = model.get("_grid");
    super(model, parent, { forget_bias: grid.biases, length: grid.lengths, hidden_size: grid.sizes });
    this.grid = grid;
    this.decades = new Decades(grid.codes);
    this.norms = unpack(model.get("_norms"));
    this.vanilla = unpack(model.get("_vanilla"));
    this.gates = bytes(model.get("_gates"));
    this.starts = [];
    this.block = grid.lengths.reduce((sum, length) => (this.starts.push(sum), sum + length + 1), 0);
    this.steps = Math.max(...grid.lengths);
    // The pictures of all sizes lie one after another: (gate, bias, unit, step) each.
    this.pictures = [];
    let start = 0;
    for (const units of grid.sizes) {
      this.pictures.push(start);
      start += grid.gates.length * grid.biases.length * this.steps * units;
    }
    this.undoDifferences();
    this.build();
  }

  /** Each picture travelled as its difference from the picture of the bias before it. */
  undoDifferences() {
    const { grid } = this;
    this.gates = Uint8Array.from(this.gates);
    grid.sizes.forEach((units, size) => {
      const picture = units * this.steps;
      for (let gate = 0; gate < grid.gates.length; gate += 1) {
        const start = this.pictures[size] + gate * grid.biases.length * picture;
        const end = start + grid.biases.length * picture;
        for (let i = start + picture; i < end; i += 1) this.gates[i] += this.gates[i - picture];
      }
    });
  }

  build() {
    const { grid } = this;
    this.root.append(
      el(
        "div",
        { class: "rnn-knobs" },
        this.knob("forget_bias", slider, { label: "Forget bias", values: grid.biases, text: signed }),
        this.knob("length", slider, { label: "Length T", values: grid.lengths, text: (length) => `${length} steps` }),
        this.knob("hidden_size", slider, { label: "Hidden size H", values: grid.sizes, text: (units) => `${units} units` }),
      ),
    );
    const lines = [
      { key: "vanilla", colour: "bound", width: 2, dash: [2, 4], name: [norm("h", "t"), " vanilla tanh"] },
      { key: "highway", colour: "clipped", width: 2, dash: [9, 3, 2, 3], name: [norm("c", "t"), " highway alone (∏ f)"] },
      { key: "h", colour: "h", width: 2.5, name: [norm("h", "t"), " LSTM"] },
      { key: "c", colour: "c", width: 2.5, dash: [8, 4], name: [norm("c", "t"), " LSTM"] },
    ];
    this.chart = new LogChart(this.root, this.root, {
      lines,
      limits: grid.float32,
      onhover: (t) => this.showLegend(t ?? 0),
    });
    this.legend = new Legend(this.root, [...lines].reverse(), grid.sequences);
    this.readout = el("output", { class: "rnn-readout", "aria-live": "polite" });
    this.root.append(this.readout);
    const head = el("div", { class: "rnn-panel-head" }, el("span", {}, "The gates of the first sequence"), scaleBar());
    this.root.append(head);
    this.panels = grid.gates.map(
      ({ label }, index) => new GatePanel(this.root, this.root, { title: label, last: index === grid.gates.length - 1 }),
    );
    this.charts.push(this.chart, ...this.panels);
  }

  draw() {
    const { grid, at, decades } = this;
    const [bias, length, units] = [grid.biases[at.forget_bias], grid.lengths[at.length], grid.sizes[at.hidden_size]];
    const part = (array, row) => {
      const start = row * this.block + this.starts[at.length];
      return array.subarray(start, start + length + 1);
    };
    const row = (curve) => (curve * grid.sizes.length + at.hidden_size) * grid.biases.length + at.forget_bias;
    this.codes = { vanilla: part(this.vanilla, at.hidden_size) };
    grid.curves.forEach((key, index) => (this.codes[key] = part(this.norms, row(index))));
    const curves = {};
    for (const [key, codes] of Object.entries(this.codes)) {
      curves[key] = { decades: Array.from(codes, (code) => decades.value(code)), specials: [] };
      codes.forEach((code, t) => {
        if (code === decades.zero) curves[key].specials.push({ t, kind: "zero" });
        if (code === decades.overflow) curves[key].specials.push({ t, kind: "overflow" });
      });
    }
    const first = (key) => decades.text(this.codes[key][0]);
    const knobs = `Forget bias ${signed(bias)}, T = ${length}, H = ${units}`;
    this.chart.show(
      length,
      curves,
      `Gradient norms over time on a logarithmic axis. ${knobs}. At t = 0: LSTM partial dL/dc (h held fixed) ${first("c")}, LSTM dL/dh ${first("h")}, ` +
        `highway alone ${first("highway")}, vanilla cell ${first("vanilla")}.`,
    );
    this.legend.note.textContent = marksText(curves);
    this.showLegend(0);
    const means = grid.gates.map((gate) => gate.means[at.hidden_size][at.forget_bias][at.length]);
    this.readout.replaceChildren(
      el("div", {}, el("strong", {}, knobs), ": ", norm("c", 0), ` = ${first("c")}, `, norm("h", 0), ` = ${first("h")}; `,
        `the highway alone ${first("highway")}; vanilla tanh cell `, norm("h", 0), ` = ${first("vanilla")}. `,
        `Mean forget gate ${means[0].toFixed(2)}.`),
    );
    this.panels.forEach((panel, index) => {
      const { label } = grid.gates[index];
      const size = this.steps * units;
      const start = this.pictures[at.hidden_size] + (index * grid.biases.length + at.forget_bias) * size;
      const mean = `mean ${means[index].toFixed(2)}`;
      panel.show(
        this.gates.subarray(start, start + size),
        { length, units, stride: this.steps },
        mean,
        `Picture of the ${label}: ${units} units by ${length} steps, ${mean}, on a scale from 0 (closed) to 1 (open).`,
      );
    });
  }

  showLegend(t) {
    if (!this.codes) return;
    const texts = {};
    for (const [key, codes] of Object.entries(this.codes)) texts[key] = this.decades.text(codes[t]);
    this.legend.show(t, texts);
  }
}

export const render = (model, parent) => new HighwayView(model, parent).start();
