// The tools for own points: classes, eraser, moons, tables.

import { post } from "../api.js";
import { guarded, h, tell } from "../dom.js";
import { t } from "../words.js";

const MOST_BYTES = 200000; // of a table

export class Tools {
  // change(points, names) replaces the own points and the names of their classes; takeMoons() does so with moons.
  constructor(colors, change, takeMoons) {
    Object.assign(this, { change, color: 0, isErasing: false });
    this.buttons = colors.map((value, number) => {
      const button = h("button", { class: "pg-color", "aria-label": t("class {number}", { number: number + 1 }),
        onclick: () => this.setColor(number) }, String(number + 1));
      button.style.setProperty("--color", value);
      return button;
    });
    this.eraser = h("button", { onclick: () => this.setErasing(!this.isErasing) }, t("eraser"));
    this.element = h("div", { class: "column pg-tools" },
      h("div", { class: "row" }, this.buttons, this.eraser),
      h("div", { class: "row" },
        h("button", { onclick: takeMoons }, t("moons")),
        h("button", { onclick: () => change([]) }, t("erase all")), this.fileButton()),
      h("small", {}, t("A table has the columns x1,x2,label: two numbers and a class. Other names, or none, will do.")),
      this.paste(), h("small", {}, matchMedia("(pointer: coarse)").matches
        ? t("Tap sets a point, drag moves it; with the eraser, a tap erases it.")
        : t("Click sets a point, drag moves it, right-click or the eraser erases it; keys 1-6 choose the class.")));
    this.setErasing(false);
  }

  fileButton() {
    const input = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", hidden: true,
      "aria-label": t("a CSV file"), onchange: async () => {
        const [file] = input.files;
        if (file && file.size > MOST_BYTES) tell(t("at most 200 kB"), "error");
        else if (file) this.read(await file.text(), file.name);
        input.value = "";
      } });
    return [h("button", { onclick: () => input.click() }, t("load a CSV")), input];
  }

  paste() {
    const text = h("textarea", { rows: 4, placeholder: "x1,x2,label\n0.3,0.7,red\n...",
      "aria-label": t("a table of points") });
    const use = h("button", { onclick: () => this.read(text.value, t("this table")) }, t("use these points"));
    return h("details", {}, h("summary", {}, t("paste a CSV")), text, use);
  }

  // Take the points of a table, as the server's reader understands them.
  read(text, name) {
    return guarded(async () => {
      const { points, classes, names } = await post("playground/points", { text, name: name.slice(0, 200) });
      this.change(points, names);
      tell(t("{count} points in {classes} classes", { count: points.length, classes: classes.length }));
    });
  }

  // What the classes are called.
  setNames(labels) {
    this.buttons.forEach((button, number) => {
      const isNamed = labels[number] !== String(number + 1);
      button.title = isNamed ? labels[number] : "";
      button.setAttribute("aria-label",
        t("class {number}", { number: number + 1 }) + (isNamed ? `: ${labels[number]}` : ""));
    });
  }

  setColor(number) {
    this.color = number;
    this.setErasing(false);
  }

  setErasing(isErasing) {
    this.isErasing = isErasing;
    const show = (button, isPressed) => {
      button.classList.toggle("pressed", isPressed);
      button.setAttribute("aria-pressed", isPressed);
    };
    show(this.eraser, isErasing);
    this.buttons.forEach((button, number) => show(button, !isErasing && number === this.color));
  }
}
