// Curves of losses and accuracies, and bars of the gradients' norms.

import { h } from "../dom.js";
import { t } from "../words.js";
import { prepared, variable } from "./colors.js";

const [LOWEST, HIGHEST] = [-10, 2]; // powers of ten of a gradient's norm
const FONT = "11px system-ui, sans-serif";
const MARGIN = { left: 40, right: 8, top: 8, bottom: 16 };

export class Curves {
  constructor(history) {
    this.history = history;
    const canvas = (name) => h("canvas", { class: name, role: "img" });
    [this.losses, this.accuracies, this.bars] = [canvas("pg-curve"), canvas("pg-curve"), canvas("pg-bars")];
    this.log = h("input", { type: "checkbox", onchange: () => this.draw() });
    this.told = h("div", { class: "pg-told number" });
    this.element = h("section", { class: "panel", "aria-label": t("Curves") },
      h("div", { class: "row" }, h("h2", {}, t("Curves")), legend("train"), legend("dev"),
        h("label", { class: "row" }, this.log, t("log scale"))),
      this.told, h("div", { class: "pg-charts" },
        h("div", {}, h("h3", {}, t("loss (cross-entropy)")), this.losses),
        h("div", {}, h("h3", {}, t("accuracy")), this.accuracies),
        h("div", {}, h("h3", {}, t("gradient norm of each layer")), this.bars)));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.losses);
    this.draw();
  }

  end() { this.observer.disconnect(); }

  clear() {
    this.history.clear();
    this.told.replaceChildren();
    this.draw();
  }

  draw() {
    const { points, newest } = this.history;
    const series = (name) => ["train", "dev"].map((set) => points.map((one) => [one.step, one[set][name]]));
    drawCurves(this.losses, series("loss"), this.log.checked);
    drawCurves(this.accuracies, series("accuracy"), false, [0, 1]);
    drawBars(this.bars, newest?.gradients || []);
    if (newest) this.tell(newest);
  }

  // The newest numbers, also for those who do not see the curves.
  tell({ train, dev, lr, gradients }) {
    const words = (write, name) => [["train", train], ["dev", dev]]
      .map(([set, one]) => `${t(set)} ${write(one[name])}`).join(" · ");
    this.told.replaceChildren(
      h("span", {}, `${t("train")} ${number(train.loss)} · ${percent(train.accuracy)}`),
      h("span", {}, `${t("dev")} ${number(dev.loss)} · ${percent(dev.accuracy)}`),
      h("span", {}, `${t("lr")} ${number(lr)}`));
    this.losses.setAttribute("aria-label", `${t("loss (cross-entropy)")}: ${words(number, "loss")}`);
    this.accuracies.setAttribute("aria-label", `${t("accuracy")}: ${words(percent, "accuracy")}`);
    this.bars.setAttribute("aria-label",
      `${t("gradient norm of each layer")}: ${gradients.map((one) => number(one)).join(", ")}`);
  }
}

function legend(set) { return h("span", { class: `pg-key ${set}` }, t(set)); }

function colorOf(index) { return variable(index ? "--pg-dev" : "--pg-train"); }

// Curves of train and dev, [step, value] or [step, null]; the range is [low, high], or that of the values.
function drawCurves(canvas, series, isLog, range = null) {
  const { pen, width, height } = prepared(canvas);
  const scaled = (value) => (isLog ? Math.log10(Math.max(value, 1e-8)) : value);
  const values = series.flat().map(([, value]) => value).filter((value) => value !== null).map(scaled);
  const last = Math.max(1, series[0].at(-1)?.[0] || 1);
  const own = isLog ? [Math.min(...values, -1), Math.max(...values, 0)] : [0, Math.max(...values, 0.1)];
  const [low, high] = range || own;
  const x = (step) => MARGIN.left + step / last * (width - MARGIN.left - MARGIN.right);
  const y = (value) => MARGIN.top + (high - value) / (high - low) * (height - MARGIN.top - MARGIN.bottom);
  pen.font = FONT;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of [low, (low + high) / 2, high]) {
    pen.fillStyle = variable("--line");
    pen.fillRect(MARGIN.left, y(value), width - MARGIN.left - MARGIN.right, 1);
    pen.fillStyle = variable("--faint");
    pen.fillText(isLog ? number(10 ** value, 2) : number(value, 2), MARGIN.left - 5, y(value));
  }
  pen.textBaseline = "alphabetic";
  pen.fillText(String(last), width - MARGIN.right, height - 3);
  pen.fillText("0", MARGIN.left + 6, height - 3);
  [1, 0].forEach((index) => {
    pen.strokeStyle = colorOf(index);
    pen.lineWidth = 1.6;
    pen.beginPath();
    for (const [step, value] of series[index]) if (value !== null) pen.lineTo(x(step), y(scaled(value)));
    pen.stroke();
  });
}

// A bar for each layer, from the first one, its length the logarithm of the norm.
function drawBars(canvas, norms) {
  const rows = Math.max(norms.length, 1);
  canvas.style.height = `${16 * rows + 16}px`;
  const { pen, width } = prepared(canvas);
  const x = (power) => MARGIN.left + (power - LOWEST) / (HIGHEST - LOWEST) * (width - MARGIN.left - MARGIN.right);
  pen.font = FONT;
  pen.textBaseline = "middle";
  norms.forEach((norm, index) => {
    const middle = 16 * index + 8;
    pen.fillStyle = variable("--faint");
    pen.textAlign = "right";
    pen.fillText(String(index + 1), MARGIN.left - 6, middle);
    pen.fillStyle = variable("--line");
    pen.fillRect(MARGIN.left, middle - 5, width - MARGIN.left - MARGIN.right, 10);
    pen.fillStyle = variable("--faint");
    const power = Math.min(HIGHEST, Math.max(LOWEST, Math.log10(norm || 1e-99)));
    pen.fillRect(MARGIN.left, middle - 5, x(power) - MARGIN.left, 10);
  });
  pen.fillStyle = variable("--faint");
  pen.textAlign = "center";
  for (const power of [-8, -4, 0]) {
    pen.fillText(power ? `1e${power}` : "1", x(power), 16 * rows + 8);
  }
}

function number(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(1)
    : String(Number(value.toPrecision(digits)));
}

function percent(value) { return value === null ? "–" : `${(100 * value).toFixed(1)} %`; }
