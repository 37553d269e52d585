// Bundles the front end. Run by hatch_build.py, from the folder above this one.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

// uPlot's licence asks that its text travels with every copy.
const licence = readFileSync("node_modules/uplot/LICENSE", "utf8").trim();

await build({
  entryPoints: { widgets: "js/index.js" },
  outdir: "static",
  bundle: true,
  format: "esm",
  minify: true,
  charset: "utf8",
  target: ["es2021"],
  legalComments: "none",
  banner: { js: `/*! rnncourse widgets, BSD-3-Clause. Contains uPlot:\n${licence} */` },
  logLevel: "warning",
}).catch(() => process.exit(1)); // esbuild has said what is wrong; its stack trace would hide that
