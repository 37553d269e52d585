// What all widgets share: knobs kept in step with the model, theme, resizing, clean-up.
import { el, timed } from "./dom.js";
import { colour, followTheme } from "./theme.js";

export class View {
  /** knobs: {trait: list of the values it can take}. */
  constructor(model, parent, knobs) {
    this.model = model;
    this.knobs = knobs;
    this.controls = {};
    this.charts = [];
    this.root = el("div", { class: "rnn-widget", "data-rnn-widget": model.get("_kind") });
    parent.append(this.root);
    this.at = this.read();
    this.cleanups = [];
  }

  /** The index of every knob's present value; a number the model rounded still finds its place. */
  read() {
    const at = {};
    for (const [name, values] of Object.entries(this.knobs)) {
      const value = this.model.get(name);
      const found = values.findIndex(
        (candidate) => candidate === value || (typeof value === "number" && Math.abs(candidate - value) < 1e-9),
      );
      at[name] = Math.max(0, found);
    }
    return at;
  }

  /** Call once everything is in place. */
  start() {
    // Colours must be known before the first drawing.
    this.cleanups.push(followTheme(this.root, () => this.charts.forEach((chart) => chart.redraw())));
    this.showControls();
    timed(() => this.draw());
    let dressed = false;
    const resizes = new ResizeObserver(() => {
      this.charts.forEach((chart) => chart.resize());
      // JupyterLab shows the widget and adds its styles after render: what was drawn had no colours.
      if (!dressed && colour(this.root, "text")) {
        dressed = true;
        this.charts.forEach((chart) => chart.redraw());
      }
    });
    resizes.observe(this.root);
    this.cleanups.push(() => resizes.disconnect());
    // Another view of this model, or Python, moved a knob.
    const changed = () => {
      const at = this.read();
      if (Object.keys(at).every((name) => at[name] === this.at[name])) return;
      this.at = at;
      this.showControls();
      timed(() => this.draw());
    };
    for (const name of Object.keys(this.knobs)) {
      this.model.on(`change:${name}`, changed);
      this.cleanups.push(() => this.model.off(`change:${name}`, changed));
    }
    return () => this.stop();
  }

  /** The reader moved a knob: draw first, tell the model afterwards. */
  move(name, index) {
    if (this.at[name] === index) return;
    this.at[name] = index;
    timed(() => this.draw());
    this.model.set(name, this.knobs[name][index]);
    this.model.save_changes();
  }

  /** A control for the knob `name`; kind: slider or select of controls.js. Returns its element. */
  knob(name, kind, options) {
    this.controls[name] = kind({ ...options, oninput: (index) => this.move(name, index) });
    return this.controls[name].node;
  }

  showControls() {
    for (const [name, control] of Object.entries(this.controls)) control.show(this.at[name]);
  }

  stop() {
    this.cleanups.forEach((cleanup) => cleanup());
    this.charts.forEach((chart) => chart.destroy());
    this.root.remove();
  }
}
