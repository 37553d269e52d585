// One bundle for all widgets: the chart library is most of it.
import { render as gradients } from "./gradients.js";
import { render as highway } from "./highway.js";
import { render as shapes } from "./shapes.js";
import { render as temperature } from "./temperature.js";
import { render as truncation } from "./truncation.js";
import "./widgets.css";

const RENDER = { gradient_explorer: gradients, highway_explorer: highway, bptt_window: truncation, problem_shapes: shapes, temperature_explorer: temperature };

export default {
  render({ model, el }) {
    return RENDER[model.get("_kind")](model, el);
  },
};
