// temperature_explorer: the next character's distribution, and a text that was drawn from it.
import uPlot from "uplot";
import { bytes } from "./codes.js";
import { select, slider } from "./controls.js";
import { el } from "./dom.js";
import { Panel } from "./panel.js";
import { colour, FONT } from "./theme.js";
import { View } from "./view.js";

const GUTTER = 46;

class BarChart extends Panel {
  /** count: how many bars there are. */
  constructor(root, parent, count) {
    super();
    Object.assign(this, { root, labels: new Array(count).fill(""), model: [] });
    this.host = el("div", { class: "rnn-chart" });
    parent.append(this.host);
    const places = Array.from({ length: count }, (_, index) => index);
    const axis = (label, size, more) => ({
      stroke: () => colour(root, "text"),
      font: FONT,
      labelFont: FONT,
      label,
      labelSize: 18,
      size,
      gap: 3,
      ticks: { show: false },
      ...more,
    });
    this.adopt(new uPlot(
      {
        ...this.size(),
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, range: () => [-0.6, count - 0.4] }, y: { range: () => [0, 1] } },
        axes: [
          axis("next character", 24, {
            grid: { show: false },
            splits: () => places,
            values: (u, all) => all.map((place) => this.labels[place]),
          }),
          axis("probability", GUTTER - 18, { grid: { stroke: () => colour(root, "grid"), width: 1 } }),
        ],
        series: [
          {},
          {
            fill: () => colour(root, "h"),
            stroke: () => colour(root, "h"),
            width: 0,
            paths: uPlot.paths.bars({ size: [0.8, 60] }),
            points: { show: false },
          },
        ],
        hooks: { draw: [(u) => this.drawModel(u)] },
      },
      [places, places.map(() => 0)],
      this.host,
    ));
    this.places = places;
  }

  size() {
    const width = this.room();
    return { width, height: 240 };
  }

  show(labels, shown, model, description) {
    Object.assign(this, { labels, model });
    this.plot.batch(() => this.plot.setData([this.places, shown], true));
    this.canvas.setAttribute("aria-label", description);
  }

  /** The model's own probabilities: a line over each bar. */
  drawModel(u) {
    const { ctx } = u;
    const half = (u.valToPos(1, "x", true) - u.valToPos(0, "x", true)) * 0.45;
    ctx.save();
    ctx.strokeStyle = colour(this.root, "bound");
    ctx.lineWidth = 2 * uPlot.pxRatio;
    ctx.beginPath();
    this.model.forEach((p, place) => {
      const [x, y] = [u.valToPos(place, "x", true), u.valToPos(p, "y", true)];
      ctx.moveTo(x - half, y);
      ctx.lineTo(x + half, y);
    });
    ctx.stroke();
    ctx.restore();
  }
}

const percent = (share) => `${Math.round(100 * share)} %`;

class TemperatureView extends View {
  constructor(model, parent) {
    const grid = model.get("_grid");
    super(model, parent, {
      context: grid.contexts.map(({ key }) => key),
      temperature: grid.temperatures,
      top_k: grid.top_ks,
    });
    this.grid = grid;
    const raw = bytes(model.get("_p"));
    this.p = Array.from({ length: raw.length / 2 }, (_, i) => (raw[2 * i] + 256 * raw[2 * i + 1]) / grid.full);
    this.build();
  }

  build() {
    const { grid } = this;
    const bars = grid.contexts.map(({ labels }) => labels.length);
    this.root.append(
      el(
        "div",
        { class: "rnn-knobs" },
        this.knob("context", select, { label: "The model has read", options: grid.contexts.map(({ label }) => label) }),
        this.knob("temperature", slider, { label: "Temperature τ", values: grid.temperatures, text: (t) => t.toFixed(1) }),
        this.knob("top_k", slider, {
          label: "Top-k",
          values: grid.top_ks,
          text: (k) => (k === null ? "all characters" : `${k} likeliest`),
        }),
      ),
    );
    this.chart = new BarChart(this.root, this.root, Math.max(...bars));
    this.charts.push(this.chart);
    const note = "bars: what the next character is drawn from; lines: the model itself (τ = 1, all characters); rest: all other characters together";
    this.readout = el("output", { class: "rnn-readout", "aria-live": "polite" });
    this.primeText = el("span", { class: "rnn-at" });
    this.written = el("span", {});
    this.root.append(
      el("div", { class: "rnn-at" }, note),
      this.readout,
      el("div", { class: "rnn-panel-head" }, el("span", {}, `What it read (grey) and ${grid.length} characters it wrote`)),
      el("pre", { class: "rnn-written", tabindex: 0, "aria-label": "The text that was read and written" }, this.primeText, this.written),
    );
  }

  draw() {
    const { grid, at } = this;
    const context = grid.contexts[at.context];
    const [temperature, k] = [grid.temperatures[at.temperature], grid.top_ks[at.top_k]];
    const bars = context.labels.length;
    const row = (at.context * grid.temperatures.length + at.temperature) * grid.top_ks.length + at.top_k;
    const shown = this.p.slice(row * bars, (row + 1) * bars);
    const entropy = context.entropy[at.temperature][at.top_k];
    const [bits, repeated] = [grid.bits[at.temperature][at.top_k], grid.repeated[at.temperature][at.top_k]];
    const perplexity = (2 ** entropy).toFixed(1);
    const best = shown
      .slice(0, -1)
      .map((p, place) => [p, place])
      .sort(([p, i], [q, j]) => q - p || i - j)
      .filter(([p], rank) => rank < 3 && p > 0)
      .map(([p, place]) => `${context.labels[place]} ${p.toFixed(2)}`);
    const named = `after "${context.label.split(": ").pop()}", temperature ${temperature.toFixed(1)}, ${k === null ? "all characters" : `top ${k}`}`;
    const texts = `${bits.toFixed(2)} bits per character, ${percent(repeated)} of ${grid.gram}-grams repeated`;
    this.chart.show(
      context.labels,
      shown,
      context.model,
      `Bars of the next character's probabilities ${named}. The likeliest: ${best.join(", ")}. ` +
        `Entropy ${entropy.toFixed(2)} bits, perplexity ${perplexity}. Texts drawn like this: ${texts}.`,
    );
    this.readout.replaceChildren(
      el("div", {}, el("strong", {}, `τ = ${temperature.toFixed(1)}, ${k === null ? "all characters" : `top ${k}`}`),
        `: entropy ${entropy.toFixed(2)} bits, as uncertain as a free choice among ${perplexity} characters.`),
      el("div", {}, `All ${grid.contexts.length} texts drawn like this: ${texts}. Bits are those of the model at τ = 1.`),
    );
    this.primeText.textContent = context.text;
    this.written.textContent = context.texts[at.temperature][at.top_k];
  }
}

export const render = (model, parent) => new TemperatureView(model, parent).start();
