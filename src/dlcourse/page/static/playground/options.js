// The right side: the options of network and training.

import { choice, h, slider } from "../dom.js";
import { t } from "../words.js";

const RATES = [-6, -5, -4, -3, -2, -1, 0, 1, 2]
  .flatMap((power) => [1, 1.5, 2, 3, 5, 7].map((one) => tidy(one * 10 ** power)));
const PENALTIES = [0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1];
const DROPOUTS = Array.from({ length: 19 }, (_, index) => tidy(index / 20));
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 0];
const LENGTHS = [100, 200, 500, 1000, 2000, 3000, 5000, 10000, 20000, 50000, 100000];
const ABOUT = { // words beside the names that the config has
  constant: "constant", he: "He", xavier: "Xavier", sgd: "gradient descent", none: "none", batch: "batch norm",
  layer: "layer norm", lbfgs: "L-BFGS", adam: "Adam", adamw: "AdamW", rmsprop: "RMSprop", momentum: "momentum",
  one_cycle: "one cycle", inverse_sqrt: "inverse square root", leaky_relu: "leaky ReLU", relu: "ReLU",
};

function tidy(value) { return Number(value.toPrecision(6)); }

// A slider along some values; another value stands where the nearest one is.
export function stops({ label, values, value, oninput, title = null, format = String }) {
  let shown = value;
  const place = (one) => values.reduce((best, other, index) => (
    Math.abs(other - one) < Math.abs(values[best] - one) ? index : best), 0);
  const box = slider({
    label, title, min: 0, max: values.length - 1, step: 1, value: place(value),
    format: () => format(shown),
    oninput: (index) => {
      shown = values[index];
      box.querySelector(".number").textContent = format(shown);
      oninput(shown);
    },
  });
  const move = box.set;
  const speak = () => box.input.setAttribute("aria-valuetext", format(shown));
  box.input.addEventListener("input", speak);
  box.set = (next) => { shown = next; move(place(next)); speak(); };
  speak();
  return box;
}

export class Options {
  // state() -> the state; change(part) changes it.
  constructor({ about, state, change }) {
    Object.assign(this, { about, state, change });
    const network = {
      activation: this.pick("activation", "activation"),
      init: this.pick("init", "initial weights"),
      norm: this.pick("norm", "normalization"),
      dropout: this.slide("dropout", "dropout", DROPOUTS),
    };
    const training = {
      optimizer: this.pick("optimizer", "optimizer"),
      lr: this.slide("lr", "learning rate", RATES),
      scheduler: this.pick("scheduler", "schedule"),
      batch_size: this.slide("batch_size", "batch size", BATCHES, (count) => (count === 0 ? t("all") : String(count))),
      l2: this.slide("l2", "L2 penalty", PENALTIES),
      steps: this.slide("steps", "steps", LENGTHS),
      seed: this.seed(),
    };
    this.fields = { ...network, ...training };
    this.element = h("section", { class: "panel pg-options", "aria-label": t("options") }, h("h2", {}, t("Options")),
      Object.values(network), h("hr"), Object.values(training));
  }

  pick(key, label) {
    const choices = this.about.choices[key].map((name) => [name, t(ABOUT[name] || name)]);
    return choice({ label: t(label), value: this.state()[key], choices,
      onchange: (value) => this.change({ [key]: value }) });
  }

  slide(key, label, values, format = String) {
    return stops({ label: t(label), values, value: this.state()[key], format,
      oninput: (value) => this.change({ [key]: value }) });
  }

  seed() {
    const most = this.about.choices.most.seed;
    const input = h("input", { type: "number", min: 0, max: most, step: 1, "aria-label": t("seed"), onchange: () => {
      const value = Math.round(Number(input.value));
      if (value >= 0 && value <= most) this.change({ seed: value });
      else input.value = this.state().seed;
    } });
    const dice = h("button", { "aria-label": t("another seed"), title: t("another seed"),
      onclick: () => this.change({ seed: Math.floor(Math.random() * 10000) }) }, "⚄");
    const box = h("div", { class: "field" }, h("span", {}, t("seed")), h("div", { class: "row" }, input, dice));
    box.set = (value) => { input.value = value; };
    return box;
  }

  update() { for (const [key, field] of Object.entries(this.fields)) field.set(this.state()[key]); }
}
