// The strip of brushes: one row for each layer, coarse at the top; a row is the weight of B's w in that layer.
//
// Click: 0 or 1. Drag to the side: any value, with Alt from -1 to 2. Shift and drag down or up: the same value in all
// rows on the way. Keys: arrows, page up and down, Home, End, Enter.

import { h } from "../dom.js";
import { t } from "../words.js";
import { attributes } from "./words.js";
import { brushes, clamp, rounded, same, withBrushes, zeros, ZONES, zonesOf } from "./state.js";

const SLACK = 4; // pixels that a click may move
const ABOUT = {
  coarse: "coarse: pose, the shape of the whole",
  middle: "middle: the parts and their shapes",
  fine: "fine: colours, light and texture",
};

export function brushStrip(session) {
  const { layers } = session.about;
  const rows = layers.map((layer, index) => brush(session, layer, index));
  const isFirst = (index) => layers[index].range !== layers[index - 1]?.range;
  const parts = rows.flatMap((row, index) => (isFirst(index) ? [heading(layers[index].range), row] : [row]));
  const strip = h("div", { class: "sg-strip", role: "group", "aria-label": t("brushes") }, parts);
  new Painter(session, strip, rows);
  const draw = () => brushes(session.state).forEach((weight, index) => rows[index].set(weight));
  session.on("state", draw);
  draw();
  return h("div", { class: "sg-mix" }, strip, zoneButtons(session));
}

// What a zone of layers holds.
const heading = (range) => h("small", { class: `sg-about ${range}` }, t(ABOUT[range]));

function brush(session, { resolution, range, moves }, index) {
  const told = attributes(moves) || t(range);
  const size = `${resolution} × ${resolution}`;
  const named = [t("layer {number}", { number: index + 1 }), size, t(range), attributes(moves)];
  const shown = h("span", { class: "number" });
  const help = t("click: A or B; drag: in between; Alt: beyond; Shift and drag down: several rows");
  const row = h("div", {
    class: `sg-brush ${range}`, role: "slider", tabindex: 0,
    title: [t(ABOUT[range]), attributes(moves), help].filter(Boolean).join("\n"),
    "aria-label": named.filter(Boolean).join(", "),
    "aria-valuemin": -1, "aria-valuemax": 2, "aria-orientation": "horizontal",
    onkeydown: (event) => key(session, event, index),
  },
  h("i", { class: "fill" }), h("b", {}, size),
  h("span", { class: "moves" }, told), shown);
  row.set = (weight) => {
    row.style.setProperty("--weight", clamp(weight, 0, 1));
    row.style.setProperty("--beyond", weight > 1 ? weight - 1 : weight < 0 ? -weight : 0);
    row.classList.toggle("above", weight > 1);
    row.classList.toggle("below", weight < 0);
    row.classList.toggle("zero", weight === 0);
    shown.textContent = String(weight);
    row.setAttribute("aria-valuenow", weight);
    row.setAttribute("aria-valuetext", t("{percent} % of B", { percent: Math.round(100 * weight) }));
  };
  return row;
}

function key(session, event, index) {
  if (event.ctrlKey || event.metaKey) return;
  const now = brushes(session.state)[index], step = event.shiftKey ? 0.25 : 0.05;
  const next = {
    ArrowRight: now + step, ArrowUp: now + step, ArrowLeft: now - step, ArrowDown: now - step,
    PageUp: now + 0.25, PageDown: now - 0.25, Home: 0, End: 1,
    Enter: toggled(now), " ": toggled(now),
  }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  const low = event.altKey ? -1 : Math.min(0, now), high = event.altKey ? 2 : Math.max(1, now);
  setWeights(session, [index, index + 1], rounded(clamp(next, low, high)));
}

const toggled = (weight) => (weight < 0.5 ? 1 : 0);

function setWeights(session, [first, stop], value, before = brushes(session.state)) {
  const row = before.map((weight, index) => (index >= first && index < stop ? value : weight));
  if (!same(row, brushes(session.state))) session.change(withBrushes(session.state, row));
}

// What a pointer does to the strip.
class Painter {
  constructor(session, strip, rows) {
    Object.assign(this, { session, strip, rows, begun: null });
    strip.addEventListener("pointerdown", (event) => this.begin(event));
    strip.addEventListener("pointermove", (event) => this.begun && this.move(event));
    strip.addEventListener("pointerup", () => this.end());
    strip.addEventListener("pointercancel", () => this.cancel());
  }

  begin(event) {
    const index = this.rows.indexOf(event.target.closest(".sg-brush"));
    if (index < 0 || event.button) return;
    event.preventDefault(); // no selection of text
    this.strip.setPointerCapture(event.pointerId);
    this.rows[index].focus({ preventScroll: true });
    const before = brushes(this.session.state), value = toggled(before[index]);
    this.begun = { index, x: event.clientX, before, value, isMoved: false, isRange: event.shiftKey };
    if (event.shiftKey) this.paint(index);
  }

  move(event) {
    const { begun } = this;
    if (Math.abs(event.clientX - begun.x) > (begun.isRange ? 6 * SLACK : SLACK)) begun.isMoved = true;
    if (begun.isMoved) begun.value = this.valueAt(event);
    if (begun.isRange) this.paint(this.rowAt(event.clientY));
    else if (begun.isMoved) this.paint(begun.index);
  }

  // Rows from the first one to this one get the value, the others what they had.
  paint(index) {
    const { begun } = this;
    const ends = [Math.min(begun.index, index), Math.max(begun.index, index) + 1];
    setWeights(this.session, ends, begun.value, begun.before);
  }

  valueAt(event) {
    const { left, width } = this.rows[0].getBoundingClientRect();
    const x = clamp((event.clientX - left) / width, 0, 1);
    const snapped = x < 0.02 ? 0 : x > 0.98 ? 1 : x;
    return rounded(event.altKey ? 3 * snapped - 1 : snapped);
  }

  rowAt(y) {
    const index = this.rows.findIndex((row) => y < row.getBoundingClientRect().bottom);
    return index < 0 ? this.rows.length - 1 : index;
  }

  end() {
    if (this.begun && !this.begun.isMoved && !this.begun.isRange) this.paint(this.begun.index);
    this.begun = null;
  }

  // The browser took the gesture for scrolling.
  cancel() {
    if (this.begun) setWeights(this.session, [0, 0], 0, this.begun.before);
    this.begun = null;
  }
}

// Switch a zone between 0 and 1; all and none.
function zoneButtons(session) {
  const { layers } = session.about, zones = zonesOf(layers);
  const isOn = ([first, stop]) => brushes(session.state).slice(first, stop).every((weight) => weight === 1);
  const buttons = ZONES.filter((name) => zones[name]).map((name) => h("button", {
    class: `sg-zone ${name}`, title: `${t("B in these layers, or A again")}\n${t(ABOUT[name])}`, onclick: () => {
      const value = isOn(zones[name]) ? 0 : 1;
      setWeights(session, zones[name], value);
      session.settle();
    },
  }, t(name)));
  const limits = Object.values(zones);
  const draw = () => buttons.forEach((button, index) => button.setAttribute("aria-pressed", isOn(limits[index])));
  session.on("state", draw);
  draw();
  const all = (value) => session.set(withBrushes(session.state, zeros(layers.length).fill(value)));
  return h("div", { class: "row sg-zones" }, buttons,
    h("button", { title: t("B in all layers"), onclick: () => all(1) }, t("all")),
    h("button", { title: t("B in no layer"), onclick: () => all(0) }, t("none")));
}
