// A gate as a picture: one row a unit, one column a step, drawn inside uPlot's axes.
import uPlot from "uplot";
import { GUTTER, timeAxis } from "./chart.js";
import { el } from "./dom.js";
import { Panel } from "./panel.js";
import { colour, FONT } from "./theme.js";

// Nine points of "viridis": its lightness rises evenly, so it reads in grey and without red or green.
const STOPS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];

export const RAMP = (() => {
  const rgb = STOPS.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const ramp = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(ramp.buffer);
  for (let level = 0; level < 256; level += 1) {
    const place = (level / 255) * (rgb.length - 1);
    const left = Math.min(rgb.length - 2, Math.floor(place));
    for (let channel = 0; channel < 3; channel += 1) {
      const [a, b] = [rgb[left][channel], rgb[left + 1][channel]];
      bytes[4 * level + channel] = a + (b - a) * (place - left);
    }
    bytes[4 * level + 3] = 255;
  }
  return ramp;
})();

/** The scale of the colours, from `low` to `high`. */
export function scaleBar(low = "0 closed", high = "1 open") {
  return el(
    "div",
    { class: "rnn-scale" },
    el("span", {}, low),
    el("span", { class: "rnn-ramp", style: `background:linear-gradient(to right,${STOPS.join(",")})`, "aria-hidden": "true" }),
    el("span", {}, high),
  );
}

export class GatePanel extends Panel {
  /** title: what the gate is called; `last` shows the labels of the time axis. */
  constructor(root, parent, { title, last }) {
    super();
    Object.assign(this, { root, last });
    this.mean = el("span", { class: "rnn-reading" });
    this.host = el("div", { class: "rnn-chart" });
    parent.append(el("div", { class: "rnn-panel-title" }, el("span", {}, title), this.mean), this.host);
    this.picture = document.createElement("canvas");
    this.length = 1;
    this.units = 1;
    const time = timeAxis(root, last);
    time.grid = { show: false };
    this.adopt(new uPlot(
      {
        ...this.size(),
        padding: [7, 12, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, range: () => [0, this.length] },
          y: { dir: -1, range: () => [0, this.units] }, // the first unit on top
        },
        axes: [
          time,
          {
            stroke: () => colour(root, "text"),
            font: FONT,
            size: GUTTER,
            gap: 4,
            splits: () => [0.5, this.units - 0.5],
            values: () => ["unit 1", `${this.units}`],
            grid: { show: false },
            ticks: { show: false },
          },
        ],
        series: [{}, { show: true, points: { show: false } }],
        hooks: { draw: [(u) => this.paint(u)] },
      },
      [[0, 1], [null, null]],
      this.host,
    ));
  }

  size() {
    const width = this.room();
    return { width, height: this.last ? 96 + 53 : 96 + 13 };
  }

  /** gate: one row of `stride` bytes a unit, of which `length` are shown; 255 for fully open. */
  show(gate, { length, units, stride }, mean, description) {
    this.length = length;
    this.units = units;
    if (this.picture.width !== length || this.picture.height !== units) {
      this.picture.width = length;
      this.picture.height = units;
    }
    const context = this.picture.getContext("2d");
    const image = context.createImageData(length, units);
    const pixels = new Uint32Array(image.data.buffer);
    for (let unit = 0; unit < units; unit += 1) {
      for (let t = 0; t < length; t += 1) pixels[unit * length + t] = RAMP[gate[unit * stride + t]];
    }
    context.putImageData(image, 0, 0);
    this.mean.textContent = mean;
    this.plot.batch(() => this.plot.setData([[0, length], [null, null]], true));
    this.canvas.setAttribute("aria-label", description);
  }

  paint(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.imageSmoothingEnabled = false;
    // The gate of step t acts between state t - 1 and state t: column t - 1 to t.
    ctx.drawImage(this.picture, bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.restore();
  }
}
