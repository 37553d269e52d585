// Native inputs with labels: keyboards, touch and screen readers then work without further help.
import { el, nextId } from "./dom.js";

/** A slider over the list `values`. Returns {node, show(index)}. */
export function slider({ label, values, text, oninput }) {
  const id = nextId("slider");
  const shown = el("span", { class: "rnn-value", "aria-hidden": "true" });
  const input = el("input", {
    type: "range",
    id,
    min: 0,
    max: values.length - 1,
    step: 1,
    // JupyterLab takes the arrow keys for itself unless they end here.
    onkeydown: (event) => event.stopPropagation(),
    oninput: () => {
      say(Number(input.value));
      oninput(Number(input.value));
    },
  });
  // A single value leaves nothing to choose.
  input.disabled = values.length < 2;
  function say(index) {
    shown.textContent = text(values[index]);
    input.setAttribute("aria-valuetext", text(values[index]));
  }
  function show(index) {
    input.value = String(index);
    say(index);
  }
  const node = el("div", { class: "rnn-knob" }, el("label", { for: id }, label), shown, input);
  return { node, show };
}

/** A drop-down over `options`, a list of labels. Returns {node, show(index)}. */
export function select({ label, options, oninput }) {
  const id = nextId("select");
  const input = el(
    "select",
    {
      id,
      onkeydown: (event) => event.stopPropagation(),
      onchange: () => oninput(input.selectedIndex),
    },
    options.map((option) => el("option", {}, option)),
  );
  input.disabled = options.length < 2;
  const node = el("div", { class: "rnn-knob" }, el("label", { for: id }, label), input);
  return { node, show: (index) => (input.selectedIndex = index) };
}
