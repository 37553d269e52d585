// One bundle for both widgets: the chart library is most of it.
import { render as gradients } from "./gradients.js";
import { render as highway } from "./highway.js";
import "./widgets.css";

const RENDER = { gradient_explorer: gradients, highway_explorer: highway };

export default {
  render({ model, el }) {
    return RENDER[model.get("_kind")](model, el);
  },
};
