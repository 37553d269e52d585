// Runs the book's widgets in a static page: no kernel, no network, no widget manager.
//
// myst-nb writes each model's state into the page as JSON and a small script element where each
// view belongs. All our widgets are anywidgets: the state holds an ES module (`_esm`), a style
// sheet (`_css`) and the data. This file is the host that such a module expects
// (https://anywidget.dev/en/afm/), and no more. It is a classic script, and modules are loaded
// from Blob addresses, because a page opened as a file may not load module files.
(() => {
  "use strict";
  const root = document.documentElement;
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  // While the widgets start, and from then on, their still forms are hidden; see custom.css.
  root.classList.add("widgets-pending");

  /** Binary values are stored beside the state in base64, with the path of their place in it. */
  function restoreBuffers(entry) {
    for (const { path, data } of entry.buffers ?? []) {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const parent = path.slice(0, -1).reduce((value, key) => value[key], entry.state);
      parent[path.at(-1)] = new DataView(bytes.buffer);
    }
    return entry.state;
  }

  /** The model interface of anywidget: two views of one model share it and hear each other. */
  function makeModel(values) {
    const listeners = new Map(); // event name -> set of callbacks
    const emit = (name, ...args) => {
      for (const callback of [...(listeners.get(name) ?? [])]) callback(...args);
    };
    const model = {
      get: (name) => values[name],
      set(name, value) {
        const changes = typeof name === "object" ? name : { [name]: value };
        const changed = Object.keys(changes).filter((key) => values[key] !== changes[key]);
        Object.assign(values, changes);
        for (const key of changed) emit(`change:${key}`, model, values[key]);
        if (changed.length) emit("change", model);
      },
      on(names, callback) {
        for (const name of names.split(/\s+/)) {
          if (!listeners.has(name)) listeners.set(name, new Set());
          listeners.get(name).add(callback);
        }
      },
      off(names, callback) {
        for (const name of names?.split(/\s+/) ?? [...listeners.keys()]) {
          if (callback) listeners.get(name)?.delete(callback);
          else listeners.delete(name);
        }
      },
      // There is no kernel to save to or to send to.
      save_changes() {},
      send() {},
    };
    return model;
  }

  const modules = new Map(); // source text -> promise of the module; many models share one
  function importText(source) {
    if (!modules.has(source)) {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      modules.set(source, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    return modules.get(source);
  }

  const styles = new Set();
  function addStyle(css) {
    if (!css || styles.has(css)) return;
    styles.add(css);
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  }

  const signal = new AbortController().signal; // never aborted: a page lives until it is left
  const experimental = { invoke: () => Promise.reject(new Error("no kernel in a static page")) };

  async function start(entry) {
    if (!entry) throw new Error("the page holds no state for it");
    if (entry.model_module !== "anywidget") {
      throw new Error(`${entry.model_module}.${entry.model_name} is not an anywidget`);
    }
    const values = restoreBuffers(entry);
    addStyle(values._css);
    const exported = (await importText(values._esm)).default;
    const widget = typeof exported === "function" ? await exported() : exported;
    if (!widget?.render) throw new Error("its module's default export has no render function");
    const model = makeModel(values);
    await widget.initialize?.({ model, signal, experimental });
    return { widget, model };
  }

  function showError(el, error) {
    console.error("A widget of this page did not start.", error);
    const note = document.createElement("p");
    note.className = "widget-error";
    note.setAttribute("role", "alert");
    note.textContent = `This interactive figure could not start (${error.message}).`;
    el.replaceChildren(note);
  }

  async function main() {
    const states = {};
    for (const script of document.querySelectorAll(STATE)) {
      Object.assign(states, JSON.parse(script.textContent).state);
    }
    const started = new Map(); // model id -> promise of { widget, model }
    let failures = 0;
    for (const script of document.querySelectorAll(VIEW)) {
      const el = document.createElement("div");
      el.className = "widget-host";
      script.after(el);
      try {
        const id = JSON.parse(script.textContent).model_id;
        if (!started.has(id)) started.set(id, start(states[id]));
        const { widget, model } = await started.get(id);
        await widget.render({ model, el, signal, experimental });
      } catch (error) {
        failures += 1;
        showError(el, error);
      }
    }
    return failures === 0;
  }

  main()
    .catch((error) => (console.error("The page's widgets did not start.", error), false))
    .then((live) => {
      root.classList.remove("widgets-pending");
      root.classList.add(live ? "widgets-live" : "widgets-failed");
    });
})();
