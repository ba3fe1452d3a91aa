// The drawing of the network: layers with + and -, a thumbnail of every unit, and the edges between them.

import { h } from "../dom.js";
import { t } from "../words.js";
import { bytesOf, drawBytes } from "./colors.js";
import { Edges } from "./edges.js";

const THUMB = 20; // pixels of the pictures of x1 and x2
const SHOWN = 10; // units of a layer, as the server sends them
const [WIDTH, WIDE] = [66, 96]; // pixels of a column, at least, for a mouse and for fingers
const NAMES = 34; // pixels more for the classes' names
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Network {
  // getHidden() -> units per layer; setHidden(list); onunit({layer, unit} or null) when a unit is pointed at.
  constructor({ getHidden, setHidden, onunit, most, colors }) {
    Object.assign(this, { getHidden, setHidden, onunit, most, colors, nodes: [], newest: null });
    this.edges = new Edges();
    this.columns = h("div", { class: "pg-layers" });
    this.note = h("div", { class: "pg-note number faint", "aria-live": "polite" });
    this.inner = h("div", { class: "pg-net" }, this.edges.canvas, this.columns);
    this.add = h("button", { onclick: () => setHidden([...getHidden(), getHidden().at(-1) || 4]) }, t("+ layer"));
    this.remove = h("button", { onclick: () => setHidden(getHidden().slice(0, -1)) }, t("− layer"));
    this.element = h("section", { class: "panel pg-middle", "aria-label": t("the network") },
      h("div", { class: "row" }, h("h2", {}, t("Network")), this.remove, this.add,
        h("small", {}, t("blue: positive, orange: negative; point at a unit or a line"))),
      h("div", { class: "pg-scroll", tabindex: 0, role: "group", "aria-label": t("the network") }, this.inner),
      this.note);
    this.inner.addEventListener("pointermove", (event) => this.tellEdge(event));
    this.inner.addEventListener("pointerleave", () => { this.note.textContent = ""; });
    this.observer = new ResizeObserver(() => this.place());
    this.observer.observe(this.inner);
  }

  end() { this.observer.disconnect(); }

  // Make the columns anew, for other layers or classes. The focus stays on the button that was pressed.
  build(classes) {
    const { activeElement: active } = document;
    const focused = this.columns.contains(active) ? active.getAttribute("aria-label") : null;
    const hidden = this.getHidden();
    const made = [this.inputs(), ...hidden.map((units, layer) => this.hidden(units, layer)), this.outputs(classes)];
    this.nodes = made.map(([drawn]) => drawn);
    this.columns.replaceChildren(...made.map(([, column]) => column));
    const width = matchMedia("(pointer: coarse)").matches ? WIDE : WIDTH;
    this.inner.style.minWidth = `${width * made.length + NAMES}px`;
    this.add.disabled = hidden.length >= this.most.layers;
    this.remove.disabled = hidden.length === 0;
    this.newest = null;
    const labelled = [...this.columns.querySelectorAll("[aria-label]")];
    if (focused) labelled.find((one) => one.getAttribute("aria-label") === focused)?.focus();
    this.drawInputs();
    this.place();
  }

  // A column is [elements that edges lead to, the whole column].
  inputs() {
    const names = ["x1", "x2"];
    const drawn = names.map((name) => h("canvas", { class: "pg-unit", role: "img", "aria-label": name }));
    const named = drawn.map((canvas, index) => h("div", { class: "pg-input" }, h("small", {}, names[index]), canvas));
    return [drawn, column(h("small", {}, t("inputs")), named)];
  }

  hidden(units, layer) {
    const set = (next) => this.setHidden(this.getHidden().map((old, index) => (index === layer ? next : old)));
    const named = { layer: layer + 1 };
    const drawn = Array.from({ length: Math.min(units, SHOWN) }, (_, index) => this.unit(layer + 1, index));
    const rest = units > SHOWN ? h("small", {}, t("{count} more", { count: units - SHOWN })) : null;
    const controls = [
      h("button", { "aria-label": t("fewer units in layer {layer}", named), disabled: units <= 1,
        onclick: () => set(units - 1) }, "−"),
      h("span", { class: "number", title: t("units") }, String(units)),
      h("button", { "aria-label": t("more units in layer {layer}", named), disabled: units >= this.most.units,
        onclick: () => set(units + 1) }, "+")];
    return [drawn, column(controls, [...drawn, rest])];
  }

  outputs(classes) {
    const drawn = classes.map(({ name, color }) => {
      const dot = h("span", { class: "pg-class", title: name });
      dot.style.background = this.colors[color];
      return dot;
    });
    const named = drawn.map((dot, index) => h("div", { class: "pg-output" }, dot, h("small", {}, classes[index].name)));
    return [drawn, column(h("small", {}, t("classes")), named)];
  }

  // The thumbnail of a unit. Only one of them is reached by tab, the others by arrows.
  unit(place, index) {
    const isFirst = place === 1 && index === 0;
    const node = h("canvas", { class: "pg-unit", width: THUMB, height: THUMB, tabindex: isFirst ? 0 : -1, role: "img",
      "aria-label": t("layer {layer}, unit {unit}", { layer: place, unit: index + 1 }) });
    const point = () => {
      this.onunit({ layer: place - 1, unit: index });
      this.tellUnit(place, index);
    };
    const leave = () => {
      this.onunit(null);
      this.note.textContent = "";
    };
    for (const name of ["pointerenter", "focus"]) node.addEventListener(name, point);
    for (const name of ["pointerleave", "blur"]) node.addEventListener(name, leave);
    node.addEventListener("keydown", (event) => {
      if (!(event.key in MOVES)) return;
      event.preventDefault();
      const [across, down] = MOVES[event.key];
      const isHidden = place + across >= 1 && place + across <= this.getHidden().length;
      const others = isHidden ? this.nodes[place + across] : [];
      others[Math.min(index + down, others.length - 1)]?.focus();
    });
    return node;
  }

  tellUnit(place, index) {
    const row = this.newest?.weights[place - 1]?.[index];
    if (row) this.note.textContent = `${t("weights of its inputs")}: ${row.map(shown).join("  ")}`;
  }

  tellEdge(event) {
    if (event.target.classList.contains("pg-unit")) return;
    const { left, top } = this.inner.getBoundingClientRect();
    const edge = this.edges.at(event.clientX - left, event.clientY - top);
    this.note.textContent = edge ? t("weight from {from} to {to} in layer {layer}: {weight}",
      { from: edge.from + 1, to: edge.to + 1, layer: edge.layer + 1, weight: shown(edge.weight) }) : "";
  }

  drawInputs() {
    const across = Array.from({ length: THUMB ** 2 }, (_, pixel) => Math.round(255 * (pixel % THUMB) / (THUMB - 1)));
    const up = across.map((_, pixel) => across[THUMB - 1 - Math.floor(pixel / THUMB)]);
    [across, up].forEach((bytes, index) => drawBytes(this.nodes[0][index], Uint8Array.from(bytes), THUMB));
  }

  // Find where the units are.
  place() {
    const origin = this.inner.getBoundingClientRect();
    this.edges.centers = this.nodes.map((nodes) => nodes.map((node) => {
      const { left, top, width, height } = node.getBoundingClientRect();
      return [left - origin.left + width / 2, top - origin.top + height / 2, width / 2];
    }));
    this.edges.draw(this.newest?.weights || []);
  }

  // Show what an event tells of units and weights.
  show(event) {
    if (event.units.length !== this.nodes.length - 2) return; // of the training before the layers were changed
    this.newest = event;
    const size = event.thin ** 2;
    event.units.forEach((text, layer) => {
      const bytes = bytesOf(text);
      (this.nodes[layer + 1] || []).slice(0, bytes.length / size).forEach((canvas, unit) => {
        drawBytes(canvas, bytes.subarray(unit * size, (unit + 1) * size), event.thin);
      });
    });
    this.edges.draw(event.weights);
  }

  // For other colours.
  draw() {
    this.drawInputs();
    if (this.newest) this.show(this.newest);
  }
}

function column(head, rows) { return h("div", { class: "pg-layer" }, h("div", { class: "pg-units" }, head), rows); }

function shown(weight) { return weight === null ? "?" : weight.toPrecision(3); }
