// Truncation, noise and class, and the directions: sliders along principal components of W.

import { choice, h, slider } from "../dom.js";
import { t } from "../words.js";
import { seedField } from "./seed_field.js";
import { MOST_STRENGTH, randomSeed, same, withEdit, ZONES, zonesOf } from "./state.js";

const SHOWN = 6; // directions at first
const ABOUT = {
  psi: "how far from the mean image: 0 is the mean image, 1 the whole variety, below 0 the opposite",
  cutoff: "so many layers, from the coarsest on",
  noise: "small details by chance. stored: those kept in the network; fresh: others; none: without",
  strength: "a factor on the noise",
};

export function settings(session) {
  const { state, about } = session, count = about.layers.length;
  const psi = slider({
    label: t("truncation ψ"), min: -1, max: 1.5, step: 0.01, value: state.psi, format: (value) => value.toFixed(2),
    title: t(ABOUT.psi),
    oninput: (value) => session.change({ psi: value }),
  });
  const cutoff = slider({
    label: t("truncated layers"), min: 0, max: count, step: 1, value: state.cutoff ?? count,
    format: (value) => (value === count ? t("all") : String(value)), title: t(ABOUT.cutoff),
    oninput: (value) => session.change({ cutoff: value === count ? null : value }),
  });
  const strength = slider({
    label: t("noise strength"), min: 0, max: 3, step: 0.05, value: state.noise_strength,
    format: (value) => value.toFixed(2), title: t(ABOUT.strength),
    oninput: (value) => session.change({ noise_strength: value }),
  });
  [psi.title, cutoff.title, strength.title] = [t(ABOUT.psi), t(ABOUT.cutoff), t(ABOUT.strength)];
  const noise = noiseChoice(session);
  const classes = about.classes ? choice({
    label: t("class"), choices: Array.from({ length: about.classes }, (_, index) => [String(index), String(index)]),
    value: String(state.class), onchange: (value) => session.set({ class: Number(value) }),
  }) : null;
  session.on("state", () => {
    const now = session.state;
    psi.set(now.psi);
    cutoff.set(now.cutoff ?? count);
    strength.set(now.noise_strength);
    strength.input.disabled = now.noise === "none";
    classes?.set(now.class);
  });
  return h("section", { class: "panel sg-settings" },
    h("h2", {}, t("Truncation and noise")), classes, psi, cutoff, noise, strength);
}

function noiseChoice(session) {
  const kind = () => (typeof session.state.noise === "number" ? "fresh" : session.state.noise);
  const box = choice({
    label: t("noise"), choices: ["stored", "fresh", "none"].map((name) => [name, t(name)]), value: kind(),
    title: t(ABOUT.noise), onchange: (value) => session.set({ noise: value === "fresh" ? randomSeed() : value }),
  });
  const seed = () => (kind() === "fresh" ? session.state.noise : undefined);
  const input = seedField(t("seed of the noise"), seed, (number) => session.set({ noise: number }));
  const dice = h("button", {
    class: "icon", title: t("other noise"), "aria-label": t("other noise"),
    onclick: () => session.set({ noise: randomSeed() }),
  }, "⚄");
  const draw = () => {
    box.set(kind());
    input.hidden = dice.hidden = kind() !== "fresh";
    input.show();
  };
  session.on("state", draw);
  draw();
  return h("div", { class: "sg-noise" }, box, input, dice);
}

export function directions(session) {
  const { components } = session.about;
  if (!components.length) return null;
  const list = h("div", { class: "sg-directions" });
  let shown = Math.max(SHOWN, ...session.state.edits.map((edit) => edit[0] + 1));
  const more = h("button", { onclick: () => {
    shown = shown < components.length ? components.length : SHOWN;
    fill();
  } });
  const rows = components.map((share, index) => direction(session, index, share));
  const fill = () => {
    list.replaceChildren(...rows.slice(0, shown));
    more.textContent = shown < components.length ? t("more directions") : t("fewer directions");
    more.hidden = components.length <= SHOWN;
  };
  const reset = h("button", { onclick: () => session.set({ edits: [] }) }, t("reset"));
  session.on("state", () => {
    rows.forEach((row) => row.draw());
    reset.disabled = !session.state.edits.some((edit) => edit[1]);
    const used = Math.max(0, ...session.state.edits.map((edit) => edit[0] + 1));
    if (used > shown) { shown = components.length; fill(); }
  });
  fill();
  rows.forEach((row) => row.draw());
  reset.disabled = !session.state.edits.some((edit) => edit[1]);
  return h("section", { class: "panel" },
    h("h2", {}, t("Directions")),
    h("p", { class: "faint sg-note" }, t("principal components of W, in standard deviations")), list,
    h("div", { class: "row" }, more, reset));
}

// One direction: its slider, and the layers that it moves.
function direction(session, index, share) {
  const { layers } = session.about, zones = zonesOf(layers), all = [0, layers.length];
  const limits = { all, ...Object.fromEntries(ZONES.filter((name) => zones[name]).map((name) => [name, zones[name]])) };
  const edit = () => session.state.edits.find(([component]) => component === index) ?? [index, 0, ...all];
  const change = (strength, range) => session.change(withEdit(session.state, index, strength, range));
  const told = t("direction {number} makes {percent} % of the variety of W; a double click goes back to 0",
    { number: index + 1, percent: (100 * share).toFixed(1) });
  const bar = slider({
    label: `${index + 1}`, min: -MOST_STRENGTH, max: MOST_STRENGTH, step: 0.1, value: 0,
    format: (value) => (value > 0 ? `+${value.toFixed(1)}` : value.toFixed(1)),
    title: told,
    oninput: (value) => change(value, edit().slice(2)),
  });
  bar.title = told;
  bar.firstChild.append(" ", h("small", {}, `${(100 * share).toFixed(0)} %`));
  bar.input.setAttribute("aria-label", t("direction {number}", { number: index + 1 }));
  bar.input.addEventListener("dblclick", () => { change(0, edit().slice(2)); session.settle(); });
  const select = h("select", { "aria-label": t("layers of direction {number}", { number: index + 1 }),
    onchange: () => { change(edit()[1], limits[select.value]); session.settle(); } },
  Object.keys(limits).map((name) => h("option", { value: name }, t(name))));
  const row = h("div", { class: "sg-direction" }, bar, select);
  row.draw = () => {
    const [, strength, ...range] = edit();
    bar.set(strength);
    let name = Object.keys(limits).find((one) => same(limits[one], range));
    if (!name) { // a range of a child or a link
      name = `${range[0] + 1}–${range[1]}`;
      limits[name] = range;
      select.append(h("option", { value: name }, name));
    }
    select.value = name;
  };
  return row;
}
