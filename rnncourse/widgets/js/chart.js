// The gradient norms over time: one uPlot chart whose vertical axis counts decades.
import uPlot from "uplot";
import { tickText } from "./codes.js";
import { el } from "./dom.js";
import { Panel } from "./panel.js";
import { colour, FONT } from "./theme.js";

/** Room for "1e−100" at the left; the gate panels below use the same so that steps line up. */
export const GUTTER = 62;

/** Steps between labelled decades: few enough for a phone. */
const tickStep = (span) => (span <= 30 ? 5 : span <= 70 ? 10 : span <= 160 ? 20 : 50);

/** Whole tens below and fives above, so that the axis stays still for most moves; near float32's borders
 * far enough that they come into view. */
function range(low, high) {
  const bottom = Math.min(-10, 10 * Math.floor(low / 10));
  const top = Math.max(5, 5 * Math.ceil(high / 5));
  return [bottom === -40 ? -50 : bottom, top > 20 && top < 45 ? 45 : top];
}

/** The axis along time, alike for the curves and the gates. */
export function timeAxis(root, shown = true) {
  return {
    stroke: () => colour(root, "text"),
    font: FONT,
    labelFont: FONT,
    label: shown ? "step t" : undefined,
    labelSize: 18,
    size: shown ? 28 : 6,
    gap: 3,
    space: 44,
    incrs: [1, 2, 5, 10, 20, 50, 100],
    values: shown ? (u, ticks) => ticks.map((t) => String(t)) : (u, ticks) => ticks.map(() => ""),
    grid: { stroke: () => colour(root, "grid"), width: 1 },
    ticks: { stroke: () => colour(root, "grid"), width: 1, size: 4 },
  };
}

export class LogChart extends Panel {
  /**
   * lines: [{key, colour, width, dash}] in drawing order. limits: float32's borders, in decades.
   * margin: room at the right border for the levels that show() names.
   * onhover(t | null) is called when the pointer moves to another step.
   */
  constructor(root, parent, { lines, limits, onhover, margin = 12 }) {
    super();
    Object.assign(this, { root, lines, limits });
    this.marks = [];
    this.levels = [];
    this.host = el("div", { class: "rnn-chart" });
    parent.append(el("div", { class: "rnn-axis-title" }, "norm of the gradient, log scale"), this.host);
    this.limitsShown = range(0, 0);
    const options = {
      ...this.size(),
      padding: [8, margin, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false, range: () => [0, this.length ?? 1] },
        y: { range: () => this.limitsShown },
      },
      axes: [
        timeAxis(root),
        {
          stroke: () => colour(root, "text"),
          font: FONT,
          size: GUTTER,
          gap: 4,
          splits: () => {
            const [low, high] = this.limitsShown;
            const step = tickStep(high - low);
            const ticks = [];
            for (let decade = step * Math.ceil(low / step); decade <= high; decade += step) ticks.push(decade);
            return ticks;
          },
          values: (u, ticks) => ticks.map(tickText),
          grid: { stroke: () => colour(root, "grid"), width: 1 },
          ticks: { stroke: () => colour(root, "grid"), width: 1, size: 4 },
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.key,
          stroke: () => colour(root, line.colour),
          width: line.width,
          dash: line.dash,
          points: { show: false },
          pxAlign: 0, // points on whole pixels would make a smooth curve look like stairs
        })),
      ],
      hooks: {
        drawClear: [(u) => this.drawBands(u)],
        drawAxes: [(u) => this.drawNotes(u)],
        draw: [(u) => this.drawMarks(u), (u) => this.drawLevels(u)],
        setCursor: [(u) => onhover(u.cursor.left >= 0 ? u.cursor.idx : null)],
      },
    };
    this.adopt(new uPlot(options, [[0, 1], ...lines.map(() => [null, null])], this.host));
  }

  size() {
    const width = this.room();
    return { width, height: width < 480 ? 290 : 350 };
  }

  /**
   * curves: {key: {decades: (number | null)[], specials: [{t, kind}]} | null}, T + 1 values each.
   * levels: [{decade, text}] are numbers that have no place in time, such as the norm of all gradients.
   * kind is "zero" or "overflow": drawn as a mark at the border of the plot, not as a point.
   */
  show(length, curves, description, levels = []) {
    this.length = length;
    const values = this.lines.map(({ key }) => curves[key]?.decades ?? new Array(length + 1).fill(null));
    let low = 0;
    let high = 0;
    for (const list of values) {
      for (const value of list) {
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    for (const { decade } of levels) [low, high] = [Math.min(low, decade), Math.max(high, decade)];
    this.limitsShown = range(low, high);
    this.levels = levels;
    this.marks = this.lines.flatMap(({ key, colour: name }) =>
      (curves[key]?.specials ?? []).map((mark) => ({ ...mark, colour: name })),
    );
    const steps = Array.from({ length: length + 1 }, (_, t) => t);
    this.plot.batch(() => this.plot.setData([steps, ...values], true));
    this.canvas.setAttribute("aria-label", description);
  }

  /** The bands that are in view: [{top, height}] in canvas pixels, with their text. */
  bands(u) {
    const { smallest, normal, largest } = this.limits;
    const [low, high] = this.limitsShown;
    const y = (decade) => u.valToPos(Math.min(high, Math.max(low, decade)), "y", true);
    return [
      { from: low, to: smallest, text: "float32 holds 0 here", gap: 6 },
      { from: smallest, to: normal, text: "float32 loses digits here", gap: 12 },
      { from: largest, to: high, text: "float32 overflows to inf here", gap: 6 },
    ]
      .filter(({ from, to }) => to > low && from < high && from < to)
      .map((band) => ({ ...band, top: y(band.to), height: y(band.from) - y(band.to) }));
  }

  /** Shade where float32 cannot follow. Hatched, so that it reads in grey as well. */
  drawBands(u) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    for (const { top, height, gap } of this.bands(u)) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, top, bbox.width, height);
      ctx.clip();
      ctx.fillStyle = colour(this.root, "band");
      ctx.fillRect(bbox.left, top, bbox.width, height);
      ctx.strokeStyle = colour(this.root, "hatch");
      ctx.lineWidth = ratio;
      ctx.beginPath();
      for (let x = bbox.left - height; x < bbox.left + bbox.width; x += gap * ratio) {
        ctx.moveTo(x, top + height);
        ctx.lineTo(x + height, top);
      }
      ctx.stroke();
      ctx.restore();
    }
  }

  /** Above the grid, below the curves: the bands' names and the line at 1, where fading turns to growth. */
  drawNotes(u) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    const one = Math.round(u.valToPos(0, "y", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = colour(this.root, "one");
    ctx.lineWidth = ratio;
    ctx.beginPath();
    ctx.moveTo(bbox.left, one);
    ctx.lineTo(bbox.left + bbox.width, one);
    ctx.stroke();
    ctx.font = FONT.replace("12px", `${Math.round(11 * ratio)}px`);
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    for (const { top, height, text } of this.bands(u)) {
      if (height < 16 * ratio) continue;
      const middle = top + height / 2;
      ctx.fillStyle = colour(this.root, "card");
      ctx.fillRect(bbox.left + 8 * ratio, middle - 8 * ratio, ctx.measureText(text).width + 8 * ratio, 16 * ratio);
      ctx.fillStyle = colour(this.root, "text");
      ctx.fillText(text, bbox.left + 12 * ratio, middle);
    }
    ctx.restore();
  }

  /** Exact zeros and non-finite values have no place on a log axis: triangles at its ends. */
  drawMarks(u) {
    const { ctx, bbox } = u;
    const half = 4 * uPlot.pxRatio;
    ctx.save();
    for (const { t, kind, colour: name } of this.marks) {
      const x = u.valToPos(t, "x", true);
      const up = kind === "overflow" ? -1 : 1;
      const tip = up < 0 ? bbox.top + 1 : bbox.top + bbox.height - 1;
      ctx.fillStyle = colour(this.root, name);
      ctx.beginPath();
      ctx.moveTo(x, tip);
      ctx.lineTo(x - half, tip - up * 2 * half);
      ctx.lineTo(x + half, tip - up * 2 * half);
      ctx.fill();
    }
    ctx.restore();
  }

  /** Arrows at the right border: "◂ ‖g‖". */
  drawLevels(u) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    const right = bbox.left + bbox.width;
    ctx.save();
    ctx.font = FONT.replace("12px", `${Math.round(12 * ratio)}px`);
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.fillStyle = colour(this.root, "text");
    // Two levels that lie close keep their arrows; the texts move apart.
    const placed = this.levels
      .map(({ decade, text }) => ({ text, y: u.valToPos(decade, "y", true) }))
      .sort((a, b) => a.y - b.y);
    placed.forEach(({ text, y }, index) => {
      const before = placed[index - 1];
      const at = before ? Math.max(y, before.at + 13 * ratio) : y;
      placed[index].at = at;
      ctx.beginPath();
      ctx.moveTo(right + 2 * ratio, y);
      ctx.lineTo(right + 9 * ratio, y - 4 * ratio);
      ctx.lineTo(right + 9 * ratio, y + 4 * ratio);
      ctx.fill();
      ctx.fillText(text, right + 12 * ratio, at);
    });
    ctx.restore();
  }
}
