// Before and after: two images over each other, with a divider that is dragged or moved by arrow keys.

import { h } from "../dom.js";
import { t } from "../words.js";

const KEYS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.2, PageUp: 0.2 };

// set(before, after) shows two URLs. `split` is where the divider begins, 0 to 1; onsplit(value) follows it.
export function compare(split, onsplit) {
  const before = h("img", { alt: t("the content"), draggable: "false" });
  const after = h("img", { class: "after", alt: t("the painted image"), draggable: "false" });
  const divider = h("div", {
    class: "divider", role: "slider", tabindex: 0, "aria-label": t("before and after"),
    "aria-valuemin": 0, "aria-valuemax": 100,
  });
  const box = h("div", { class: "st-compare" }, before, after, divider);

  function move(next) {
    split = Math.min(1, Math.max(0, next));
    box.style.setProperty("--split", `${100 * split}%`);
    divider.setAttribute("aria-valuenow", Math.round(100 * split));
  }

  const follow = (event) => {
    const { left, width } = box.getBoundingClientRect();
    move((event.clientX - left) / width);
  };
  box.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    box.setPointerCapture(event.pointerId);
    divider.focus({ preventScroll: true });
    follow(event);
  });
  box.addEventListener("pointermove", (event) => { if (box.hasPointerCapture(event.pointerId)) follow(event); });
  box.addEventListener("pointerup", () => onsplit(split));
  divider.addEventListener("keydown", (event) => {
    const ends = { Home: 0, End: 1 };
    if (!(event.key in KEYS) && !(event.key in ends)) return;
    event.preventDefault();
    move(ends[event.key] ?? split + KEYS[event.key]);
    onsplit(split);
  });
  box.set = (first, second) => {
    after.hidden = divider.hidden = !second;
    for (const [image, url] of [[before, first], [after, second]]) {
      if (url && image.getAttribute("src") !== url) image.src = url;
    }
  };
  move(split);
  return box;
}
