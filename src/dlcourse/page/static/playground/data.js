// The left side: which data, the plane, and how many points.

import { choice, h } from "../dom.js";
import { t } from "../words.js";
import { stops } from "./options.js";
import { Plane } from "./plane.js";
import { Pointer } from "./pointer.js";
import { isLackingPoints, labelsOf, moons, planeOf } from "./state.js";
import { Tools } from "./tools.js";

const NAMES = {
  points: "three colours", rings: "rings", noisy_line: "noisy line", flower: "flower", moons: "moons",
  own: "own points",
};
const MOONS = 300;
const COUNTS = [20, 50, 100, 200, 400, 1000, 2000];
const SHARES = Array.from({ length: 11 }, (_, index) => index / 20);
const NOISES = [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1];

export class DataPanel {
  // state() -> the state; change(part, isDone) changes it, and begins a new training once a drag is done.
  constructor({ about, state, change }) {
    Object.assign(this, { about, state, change });
    this.plane = new Plane(about.colors, () => state().own);
    const take = (own, names = []) => change({ data: "own", own, names });
    this.tools = new Tools(about.colors, take, () => this.takeMoons());
    this.pointer = new Pointer(this.plane, {
      most: about.choices.most.points,
      points: () => state().own,
      change: (own, isDone) => change({ own }, isDone),
      color: () => this.tools.color,
      setColor: (number) => this.tools.setColor(number),
      isErasing: () => this.tools.isErasing,
    });
    this.data = choice({ label: t("data"), choices: Object.keys(NAMES).map((name) => [name, t(NAMES[name])]),
      value: state().data, onchange: (data) => (data === "moons" ? this.takeMoons() : change({ data })) });
    this.count = this.slide("num_train", "points", COUNTS);
    this.wrong = this.slide("label_noise", "wrong labels", SHARES, t("share of the points that have a wrong label"));
    this.noise = this.slide("input_noise", "input noise", NOISES,
      t("noise on every training batch; also against overfitting"));
    this.copy = h("button", { onclick: () => take(this.plane.train.map((point) => [...point])),
      title: t("the training points become own points, to be changed") }, t("change these points"));
    this.legend = h("div", { class: "row pg-legend" });
    this.problem = h("p", { class: "pg-problem", role: "status" });
    this.hint = h("p", { class: "faint pg-hint" },
      t("Click in the square to set points of at least two classes, three of each or more, or take moons."));
    this.element = h("section", { class: "panel column pg-left", "aria-label": t("data") },
      this.data, this.tools.element, this.plane.element, this.problem, this.hint,
      this.legend,
      h("div", { class: "row" }, this.devSwitch(), this.copy), this.count, this.wrong, this.noise);
  }

  slide(key, label, values, title = null) {
    return stops({ label: t(label), values, value: this.state()[key], title,
      oninput: (value) => this.change({ [key]: value }) });
  }

  devSwitch() {
    this.devText = h("span");
    const input = h("input", { type: "checkbox", checked: true, "aria-label": t("dev points"), onchange: () => {
      this.plane.showsDev = input.checked;
      this.plane.drawPoints();
    } });
    return h("label", { class: "row" }, input, this.devText);
  }

  // After a change of the state: show what belongs to its data.
  update() {
    const { data, own, names, num_train: count, label_noise: wrong, input_noise: noise } = this.state();
    const isOwn = data === "own";
    this.data.set(data);
    this.count.set(count);
    this.wrong.set(wrong);
    this.noise.set(noise);
    this.tools.element.hidden = !isOwn;
    this.count.hidden = this.copy.hidden = isOwn;
    this.wrong.hidden = !this.about.choices.noisy.includes(data);
    this.setProblem("");
    this.hint.hidden = !isOwn || !isLackingPoints(own);
    this.devText.textContent = isOwn ? t("dev (hollow) and test (crosses)") : t("dev points (hollow)");
    this.tools.setNames(labelsOf(names, this.about.colors.length));
    this.plane.setOwn(isOwn);
    if (isOwn) this.plane.bounds = planeOf(own);
    this.plane.drawPoints();
  }

  // Moons are own points that one need not set.
  takeMoons() { this.change({ data: "own", own: moons(MOONS), names: [] }); }

  setProblem(message) { this.problem.textContent = message; }

  // The points and classes of a training that begins.
  begin(event) {
    const [train, dev, test] = event.sizes;
    Object.assign(this.plane, { train: event.train_points, dev: event.dev_points, bounds: event.plane });
    this.legend.replaceChildren(...event.classes.map(({ name, color }) => {
      const dot = h("span", { class: "pg-dot" });
      dot.style.background = this.about.colors[color];
      return h("span", { class: "row" }, dot, name);
    }), h("small", {}, t("{train} to train on, {dev} dev, {test} test", { train, dev, test })));
    this.plane.drawPoints();
  }

  clear() {
    this.legend.replaceChildren();
    this.plane.clear();
  }

  end() { this.plane.end(); }
}
