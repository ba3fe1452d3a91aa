// Seeds A and B with their images, and the seeds that were mixed in before B.

import { h } from "../dom.js";
import { t } from "../words.js";
import { paint } from "./drawing.js";
import { seedField } from "./seed_field.js";
import { alone, lastOf, nameOf, pruned, randomSeed, withAnother, withBrushes, withSeed, zeros } from "./state.js";

export function sources(session) {
  const swap = h("button", {
    class: "icon", title: t("swap A and B"), "aria-label": t("swap A and B"), onclick: () => {
      const { seeds } = session.state;
      session.set({ seeds: [lastOf(seeds), ...seeds.slice(1, -1), seeds[0]] });
    },
  }, "⇄");
  return h("div", { class: "sg-sources" }, source(session, 0), swap, source(session, 1));
}

// One of them: a click on its image shows it alone.
function source(session, place) {
  const name = "AB"[place], count = session.about.layers.length;
  const seed = () => session.state.seeds[place ? session.state.seeds.length - 1 : 0];
  const canvas = h("canvas", { width: 64, height: 64 });
  const picture = h("button", {
    class: "sg-picture", title: t("only {name}", { name }), "aria-label": t("only {name}", { name }),
    onclick: () => session.set(place ? onlyLast(session.state, count) : onlyFirst(session.state, count)),
  }, canvas, h("span", { class: "sg-letter" }, name));
  const put = (number) => session.set(withSeed(session.state, place, { seed: number }));
  const input = seedField(t("seed of {name}", { name }), () => seed().seed, put);
  const file = h("small", { class: "sg-file" });
  const dice = h("button", {
    class: "icon", title: t("another seed"), "aria-label": t("another seed for {name}", { name }),
    onclick: () => put(randomSeed()),
  }, "⚄");
  let key = null;
  const draw = () => {
    const { latent } = seed();
    if (document.activeElement !== input || input.value === "") input.show();
    input.hidden = latent !== undefined;
    file.hidden = latent === undefined;
    file.textContent = file.title = latent ?? "";
  };
  const drawSmall = async () => {
    const state = alone(session.state, seed()), next = JSON.stringify(state);
    if (next === key) return;
    key = next;
    session.drawer.drop(name);
    const bitmap = await session.drawer.small(state, name);
    if (bitmap && key === next) paint(canvas, bitmap, 256);
    else if (key === next) key = null;
  };
  session.on("state", draw);
  session.on("rest", () => { input.show(); drawSmall(); });
  draw();
  return h("div", { class: "sg-source" }, picture, h("div", { class: "row sg-seed" }, input, file, dice));
}

// B alone; A alone, without what was mixed in.
const onlyLast = (state, count) => withBrushes(state, zeros(count).fill(1));
const onlyFirst = ({ seeds }, count) => ({ seeds: [seeds[0], lastOf(seeds)], weights: [zeros(count)] });

// The seeds between A and B, and a button that keeps B as one of them.
export function mixedSeeds(session) {
  const { layers } = session.about;
  const chips = h("div", { class: "sg-chips" }); // in one line, so that nothing below it moves
  const note = h("small", {});
  const keep = h("button", {
    title: t("B stays as it is painted; a new B comes on top"),
    onclick: () => session.set(withAnother(session.state, { seed: randomSeed() }, zeros(layers.length))),
  }, t("keep B, add another"));
  const draw = () => {
    const { seeds, weights } = session.state;
    const mixed = seeds.slice(1, -1).map((seed, index) => h("button", {
      class: "sg-chip", title: `${layersOf(weights[index], layers)}\n${t("take it out")}`, onclick: () => {
        const without = (items, at) => items.filter((_, position) => position !== at);
        session.set(pruned({ ...session.state, seeds: without(seeds, index + 1), weights: without(weights, index) }));
      },
    }, nameOf(seed), h("small", {}, "✕")));
    note.textContent = mixed.length ? t("and {count} more:", { count: mixed.length }) : "";
    const isOther = mixed.length !== chips.children.length;
    chips.replaceChildren(...mixed);
    if (isOther) chips.scrollLeft = chips.scrollWidth; // to the newest
  };
  session.on("state", draw);
  draw();
  return h("div", { class: "sg-mixed" }, keep, note, chips);
}

// "4 × 4 – 16 × 16": the resolutions of the layers whose weight is not 0.
function layersOf(row, layers) {
  const sizes = layers.filter((_, index) => row[index]).map(({ resolution }) => resolution);
  return [...new Set([sizes[0], lastOf(sizes)])].map((size) => `${size} × ${size}`).join(" – ");
}
