// The images to choose from, and the settings of a painting.

import { choice, dropZone, guarded, h, slider, tell } from "../dom.js";
import { t } from "../words.js";
import { about, chosen, gallery, RANGES, takeUpload, value } from "./state.js";

const RECIPES = {
  offline: "standard", hq: "high quality, slow", gatys: "as in the paper", tutorial: "as in the tutorial",
  untrained: "untrained filters",
};
const COLORS = {
  free: "the style's", style_to_content: "style recoloured", content_to_style: "content recoloured",
  keep_chroma: "the content's",
};
const INITS = { content: "the content", style: "the style", noise: "noise" };
const NOTES = {
  offline: "Strokes that follow the forms, by a trained VGG16 that comes with the project.",
  hq: "The same at 512 pixels, coarse to fine: long strokes. Takes minutes.",
  gatys: "The paper's recipe, with the bundled VGG16 (weights=edges) instead of ImageNet's VGG19.",
  tutorial: "The recipe of PyTorch's tutorial, with the bundled VGG16 (weights=edges) instead of ImageNet's VGG19.",
  untrained: "A network that has learnt nothing carries over colours and texture.",
};

function thumb(image, isChosen, onclick) {
  const name = t(image.name ?? image.builtin ?? image.file);
  return h("button", {
    class: "st-thumb", "aria-pressed": String(isChosen), title: name, "aria-label": name, onclick,
  }, h("img", { src: image.image, alt: "" }));
}

// Replace the children of an element; the focus stays at its place among them.
export function redraw(box, ...children) {
  const had = [...box.children].indexOf(document.activeElement);
  box.replaceChildren(...children);
  if (had >= 0) (box.children[had] ?? box.lastElementChild).focus();
}

// Draw the thumbnails of a gallery; one that is new to it and chosen is scrolled to.
function drawThumbs(thumbs, isChosen, onclick) {
  const count = thumbs.children.length;
  redraw(thumbs, ...[...gallery.values()].map((image) => thumb(image, isChosen(image.key), () => onclick(image.key))));
  if (count < thumbs.children.length) {
    thumbs.scrollTop = thumbs.querySelector('.st-thumb[aria-pressed="true"]:last-child')?.offsetTop ?? thumbs.scrollTop;
  }
}

// The picker of the content. onchange() follows each choice, also those below.
export function contentPicker(onchange) {
  const thumbs = h("div", { class: "st-thumbs" });
  const choose = (key) => { chosen.content = key; onchange(); };
  const box = h("section", {}, h("h2", {}, t("Content")), thumbs,
    dropZone(t("or drop or paste it here"), (answer) => guarded(async () => choose(await takeUpload(answer)))));
  box.draw = () => drawThumbs(thumbs, (key) => key === chosen.content, choose);
  return box;
}

// The picker of one style or several, with their weights.
export function stylePicker(onchange) {
  let mixes = chosen.styles.length > 1;
  const thumbs = h("div", { class: "st-thumbs" });
  const weights = h("div", { class: "column st-weights" });
  const several = h("input", { type: "checkbox", "aria-label": t("mix several styles"),
    onchange: () => { mixes = several.checked; if (!mixes) reduce(); } });
  several.checked = mixes;

  function reduce() {
    chosen.styles = [{ ...chosen.styles[0], weight: 1 }];
    onchange();
  }

  function toggle(key) {
    const others = chosen.styles.filter((style) => style.key !== key);
    const isNew = others.length === chosen.styles.length;
    if (!mixes) chosen.styles = [{ key, weight: 1 }];
    else if (isNew && others.length === about.most_styles) tell(t("at most {n} styles", { n: about.most_styles }));
    else if (isNew) chosen.styles = [...others, { key, weight: 1 }];
    else if (others.length) chosen.styles = others;
    onchange();
  }

  const weightSlider = (style) => h("div", { class: "st-weight" },
    h("img", { src: gallery.get(style.key).image, alt: "" }),
    slider({
      label: t("weight"), min: -2, max: 2, step: 0.1, value: Math.log2(style.weight),
      format: (x) => `× ${(2 ** x).toPrecision(2)}`,
      oninput: (x) => { style.weight = Number((2 ** x).toPrecision(3)); onchange("weight"); },
    }));

  const box = h("section", {}, h("h2", {}, t("Style")), thumbs,
    dropZone(t("or drop or paste it here"), (answer) => guarded(async () => toggle(await takeUpload(answer)))),
    h("label", { class: "row" }, several, t("mix several styles")), weights);
  box.draw = (why) => {
    drawThumbs(thumbs, (key) => chosen.styles.some((style) => style.key === key), toggle);
    if (why !== "weight") weights.replaceChildren(...(chosen.styles.length > 1 ? chosen.styles.map(weightSlider) : []));
  };
  return box;
}

// What both ways of painting read.
export function commonSettings(onchange) {
  const set = (name) => (next) => { chosen[name] = next; onchange(name); };
  const pixels = (x) => `${x} px`;
  const size = slider({ label: t("size"), min: 128, max: 1024, step: 32, value: value("content_size"), format: pixels,
    oninput: set("content_size"), title: t("the longer side of the result") });
  const strokes = slider({ label: t("style size"), min: 64, max: 1024, step: 32, value: value("style_size"),
    format: pixels, oninput: set("style_size"), title: t("smaller: finer strokes") });
  const colors = choice({ label: t("colours"), value: value("colors"), onchange: set("colors"),
    choices: about.colors.map((name) => [name, t(COLORS[name] ?? name)]) });
  const box = h("section", { class: "column st-tight" }, size, strokes, colors);
  box.draw = () => { size.set(value("content_size")); strokes.set(value("style_size")); colors.set(value("colors")); };
  return box;
}

// What only gradient descent reads.
export function descentSettings(onchange) {
  const set = (name) => (next) => { chosen[name] = next; onchange(name); };
  const own = () => about.presets.find((one) => one.name === chosen.preset);
  const preset = choice({ label: t("recipe"), value: chosen.preset, onchange: setPreset,
    choices: about.presets.map(({ name }) => [name, t(RECIPES[name] ?? name)]) });
  const note = h("small", {});
  const weight = slider({
    label: t("content weight"), min: -3, max: 3, step: 0.1, value: 0, title: t("higher: closer to the content"),
    format: (x) => String(Number((own().content_weight * 10 ** x).toPrecision(2))),
    oninput: (x) => set("content_weight")(Number((own().content_weight * 10 ** x).toPrecision(2))),
  });
  const steps = whole("steps", t("steps"), set("steps"));
  const seed = whole("seed", t("seed"), set("seed"));
  const init = choice({ label: t("first image"), value: value("init"), onchange: set("init"),
    choices: about.inits.map((name) => [name, t(INITS[name] ?? name)]) });

  function setPreset(next) {
    Object.assign(chosen, { preset: next, content_weight: null, steps: null });
    Object.assign(chosen, { content_size: null, style_size: null, colors: null });
    onchange("preset");
  }

  const box = h("section", { class: "column st-tight" }, preset, note, weight, steps, init, seed);
  box.draw = () => {
    preset.set(chosen.preset);
    note.textContent = `${t(NOTES[chosen.preset] ?? "")} experiment=${own().experiment}`;
    weight.set(Math.log10(Math.max(value("content_weight"), 1e-9) / own().content_weight));
    steps.set(value("steps"));
    seed.set(value("seed"));
    init.set(value("init"));
  };
  return box;
}

// A labelled whole number in RANGES[name].
function whole(name, label, onchange) {
  const [low, high] = RANGES[name];
  const input = h("input", { type: "number", min: low, max: high, step: 1, "aria-label": label });
  input.addEventListener("change", () => {
    const next = Math.min(high, Math.max(low, Math.round(Number(input.value)) || low));
    input.value = next;
    onchange(next);
  });
  const box = h("label", { class: "field" }, h("span", {}, label), input);
  box.set = (next) => { input.value = next; };
  return box;
}
