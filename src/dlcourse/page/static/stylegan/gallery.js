// The large image with undo and redo, the images so far, and nine children of the image.

import { h } from "../dom.js";
import { t } from "../words.js";
import { paint } from "./drawing.js";
import { changed, drawn, nineChanges, same, zeros } from "./state.js";
import { attributes } from "./words.js";

const MOST_BROODS = 300;
const OTHERS = { coarse: "other shape", middle: "other parts", fine: "other colours" };
const SMALL = 128; // pixels per side from which an image is shown smooth at first

export function stage(session) {
  const canvas = h("canvas", { class: "sg-image", role: "img", "aria-label": t("the image"), width: 64, height: 64 });
  const undo = h("button", {
    class: "icon", title: `${t("undo")} (Ctrl+Z)`, "aria-label": t("undo"), onclick: () => session.undo(),
  }, "↶");
  const redo = h("button", {
    class: "icon", title: `${t("redo")} (Ctrl+Shift+Z)`, "aria-label": t("redo"), onclick: () => session.redo(),
  }, "↷");
  const smooth = h("input", { type: "checkbox", "aria-label": t("smooth"), onchange: () => {
    localStorage.setItem("stylegan_smooth", smooth.checked ? "yes" : "no");
    look();
  } });
  const { resolution } = session.about;
  smooth.checked = (localStorage.getItem("stylegan_smooth") ?? (resolution > SMALL ? "yes" : "no")) === "yes";
  const look = () => canvas.classList.toggle("pixels", !smooth.checked);
  const draw = () => {
    undo.disabled = session.past.length < 2;
    redo.disabled = !session.future.length;
  };
  session.on("image", (bitmap) => { paint(canvas, bitmap); look(); });
  session.on("state", draw);
  session.on("rest", draw);
  draw();
  const softly = t("without the edges of the pixels, when the image is enlarged");
  const bar = h("div", { class: "row sg-bar" }, undo, redo,
    h("label", { class: "row", title: softly }, smooth, t("smooth")),
    h("small", { class: "sg-size" }, `${resolution} × ${resolution}`));
  return h("section", { class: "panel sg-stage" }, h("div", { class: "sg-frame" }, canvas), bar);
}

// The images so far, the newest first; a click goes back to one.
export function seenStrip(session) {
  const list = h("div", { class: "sg-seen", role: "group", "aria-label": t("images so far") });
  const made = new Map();
  const buttonOf = (one) => {
    if (!made.has(one.key)) {
      const text = t("back to this image");
      const back = () => session.set(one.state);
      made.set(one.key, h("button", { class: "sg-thumb", "aria-label": text, title: text, onclick: back }, one.canvas));
    }
    return made.get(one.key);
  };
  let newest = null;
  const draw = () => {
    if (newest !== session.seen) list.replaceChildren(...session.seen.map(buttonOf).reverse());
    newest = session.seen;
    const key = JSON.stringify(drawn(session.state));
    for (const { key: other } of newest) made.get(other).classList.toggle("pressed", other === key);
  };
  session.on("state", draw);
  session.on("rest", draw);
  draw();
  return h("section", { class: "panel sg-history" }, h("h2", {}, t("Images so far")), list);
}

// They follow the image: a child is a random change of whatever is shown. A state that comes back, by undo or from the
// images so far, has the children that it had.
export function children(session) {
  const { broods } = session;
  let parent = null; // whose children are drawn
  let changes = nineChanges(session.about);
  const all = zeros(9).map((_, index) => new Child(session, () => {
    const state = all[index].state();
    changes = nineChanges(session.about);
    session.set(state);
  }));
  const draw = () => {
    if (same(parent, session.state)) return;
    parent = session.state;
    const key = JSON.stringify(parent);
    changes = broods.get(key) ?? changes;
    broods.set(key, changes);
    if (broods.size > MOST_BROODS) broods.delete(broods.keys().next().value);
    session.drawer.drop("children");
    all.forEach((one, index) => one.draw(changes[index]));
  };
  const again = h("button", { onclick: () => {
    broods.set(JSON.stringify(session.state), nineChanges(session.about));
    parent = null;
    draw();
  } }, t("nine others"));
  session.on("rest", draw);
  return h("section", { class: "panel sg-brood" },
    h("div", { class: "sg-heading" }, h("h2", {}, t("Nine children")),
      h("small", {}, t("Each differs in a few layers; choose the next parent."))),
    h("div", { class: "sg-children" }, all.map((one) => one.button), again));
}

class Child {
  constructor(session, choose) {
    this.session = session;
    this.canvas = h("canvas", { width: 64, height: 64 });
    this.text = h("small");
    this.button = h("button", { class: "sg-child", onclick: () => choose(this.state()) }, this.canvas, this.text);
  }

  state() { return changed(this.session.state, this.change); }

  draw(change) {
    const { layers } = this.session.about;
    this.change = change;
    this.button.className = `sg-child ${layers[change.layers[0]].range} waiting`;
    this.text.textContent = label(change, layers);
    this.button.title = description(change, layers);
    this.session.drawer.small(drawn(this.state()), "children").then((bitmap) => {
      if (!bitmap) return;
      paint(this.canvas, bitmap, 256);
      this.button.classList.remove("waiting");
    });
  }
}

function label({ layers: [first], component }, layers) {
  if (component !== undefined) return t("direction {number}", { number: component + 1 });
  return t(OTHERS[layers[first].range]);
}

// Where it differs, and what that moves.
function description({ seed, layers: [first, stop], component, step }, layers) {
  const [low, high] = [layers[first].resolution, layers[stop - 1].resolution];
  const size = low === high ? `${low} × ${low}` : `${low} × ${low} – ${high} × ${high}`;
  const where = t("layers {first} to {last} ({size})", { first: first + 1, last: stop, size });
  const what = component === undefined ? t("the styles of seed {seed}", { seed })
    : t("direction {number}", { number: component + 1 }) + ` ${step > 0 ? "+" : "−"}${Math.abs(step).toFixed(1)}`;
  const moved = [...new Set(layers.slice(first, stop).flatMap((layer) => layer.moves))];
  return [what, where, attributes(moved)].filter(Boolean).join("\n");
}
