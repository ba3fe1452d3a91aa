// The large image with undo and redo, the images so far, and nine children of the image.

import { h } from "../dom.js";
import { t } from "../words.js";
import { paint } from "./drawing.js";
import { changed, drawn, nineChanges, same, zeros } from "./state.js";

const SMALL = 128; // pixels per side from which an image is shown smooth at first

export function stage(session) {
  const canvas = h("canvas", { class: "sg-image", role: "img", "aria-label": t("the image"), width: 64, height: 64 });
  const undo = h("button", {
    class: "icon", title: `${t("undo")} (Ctrl+Z)`, "aria-label": t("undo"), onclick: () => session.undo(),
  }, "↶");
  const redo = h("button", {
    class: "icon", title: `${t("redo")} (Ctrl+Shift+Z)`, "aria-label": t("redo"), onclick: () => session.redo(),
  }, "↷");
  const smooth = h("input", { type: "checkbox", onchange: () => {
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
  const bar = h("div", { class: "row sg-bar" }, undo, redo, h("label", { class: "row" }, smooth, t("smooth")),
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
  return h("section", { class: "panel" }, h("h2", {}, t("Images so far")), list);
}

// They follow the image: a child is a random change of whatever is shown.
export function children(session) {
  let parent = null; // whose children are drawn
  const all = zeros(9).map(() => new Child(session, (state) => { breed(); session.set(state); }));
  const places = h("div", { class: "sg-children" }, all.map((one) => one.button));
  const breed = () => {
    nineChanges(session.about).forEach((change, index) => all[index].become(change));
    parent = null;
  };
  const draw = () => {
    if (same(parent, session.state)) return;
    parent = session.state;
    session.drawer.drop("children");
    all.forEach((one) => one.draw());
  };
  const again = h("button", { onclick: () => { breed(); draw(); } }, t("nine others"));
  breed();
  session.on("rest", draw);
  return h("section", { class: "panel" },
    h("div", { class: "row sg-heading" }, h("h2", {}, t("Nine children")), again),
    h("p", { class: "faint" }, t("Each differs in a few layers. The one you choose is the next parent.")), places);
}

class Child {
  constructor(session, choose) {
    this.session = session;
    this.canvas = h("canvas", { width: 64, height: 64 });
    this.text = h("small");
    this.button = h("button", { class: "sg-child", onclick: () => choose(this.state()) }, this.canvas, this.text);
  }

  become(change) {
    const { layers } = this.session.about;
    this.change = change;
    this.button.className = `sg-child ${layers[change.layers[0]].range}`;
    this.text.textContent = label(change, layers);
  }

  state() { return changed(this.session.state, this.change); }

  draw() {
    this.button.classList.add("waiting");
    this.session.drawer.small(drawn(this.state()), "children").then((bitmap) => {
      if (!bitmap) return;
      paint(this.canvas, bitmap, 256);
      this.button.classList.remove("waiting");
    });
  }
}

function label({ layers: [first, stop], component }, layers) {
  if (component !== undefined) return t("direction {number}", { number: component + 1 });
  const [low, high] = [layers[first].resolution, layers[stop - 1].resolution];
  return low === high ? `${low} × ${low}` : `${low}–${high}`;
}
