// The StyleGAN tab: a large image, and the brushes that mix seed B into seed A layer by layer.

import { post } from "../api.js";
import { choice, guarded, h, tell } from "../dom.js";
import { t } from "../words.js";
import "./words.js";
import { brushStrip } from "./brushes.js";
import { children, seenStrip, stage } from "./gallery.js";
import { photo } from "./photo.js";
import { Session } from "./session.js";
import { directions, settings } from "./settings.js";
import { mixedSeeds, sources } from "./sources.js";
import { missingLatents, same, validState } from "./state.js";
import { saving, walk } from "./walk.js";

let kept = null; // the session before, {network, session}: if the tab is opened again, its undo and images are there

export function mount(root, state, save) {
  const life = new AbortController();
  let scene = null; // ends what belongs to one network
  const build = (about, given) => {
    scene?.abort();
    scene = new AbortController();
    const { signal } = scene, network = about.networks[about.current];
    const valid = { ...validState(given, about), network };
    for (const name of missingLatents(given, about)) {
      const isLink = Boolean(given.network); // else another network has just been opened
      tell(isLink ? t("the photo of this link is not here: {name}", { name })
        : t("{name} was found with another network", { name }), "error");
    }
    const isSame = kept?.network === network && same(kept.session.state, valid);
    const keep = (next) => save({ network, ...next });
    const session = new Session(about, valid, keep, signal, isSame ? kept.session : null);
    kept = { network, session };
    const open = (index) => guarded(async () => build(await opened(root, index), session.state));
    fill(root, session, open, signal);
    listen(root, session, signal);
    session.settle();
  };
  guarded(async () => {
    const given = state && typeof state === "object" ? state : null;
    root.replaceChildren(h("p", { class: "faint" }, t("The network is being opened ...")));
    let about = await post("stylegan", {}, life.signal);
    const index = about.networks.indexOf(given?.network);
    if (index >= 0 && index !== about.current) about = await opened(root, index);
    else if (given?.network && index < 0) {
      tell(t("the network of this link is not here: {name}", { name: String(given.network).slice(0, 80) }));
    }
    if (!life.signal.aborted) build(about, given);
  });
  return () => {
    life.abort();
    scene?.abort();
  };
}

// Open another network; while it is read nothing can be changed.
async function opened(root, index) {
  root.inert = true;
  tell(t("The network is being opened ..."));
  try {
    return await post("stylegan/open", { index });
  } finally {
    root.inert = false;
  }
}

function fill(root, session, open, signal) {
  const { networks, current } = session.about;
  const network = choice({
    label: t("network"), choices: networks.map((name, index) => [String(index), t(name)]), value: String(current),
    onchange: async (index) => { await open(Number(index)); network.set(current); },
  });
  const picker = networks.length > 1 ? h("section", { class: "panel" }, network) : null;
  const mix = h("section", { class: "panel column" }, h("h2", {}, t("Brushes: B over A")),
    sources(session), brushStrip(session), mixedSeeds(session));
  root.replaceChildren(h("div", { class: "sg" },
    h("div", { class: "sg-one" }, stage(session), seenStrip(session), children(session)),
    h("div", { class: "column sg-two" }, ...[picker, mix].filter(Boolean)),
    h("div", { class: "column sg-three" }, ...[settings(session), directions(session)].filter(Boolean),
      photo(session, signal), walk(session, signal), saving(session, signal))));
}

// Keys for undo, and when a pointer is pressed and released.
function listen(root, session, signal) {
  document.addEventListener("keydown", (event) => {
    const isText = event.target.matches?.("input[type=text], input[type=number], textarea");
    const key = event.key.toLowerCase();
    if (isText || !(event.ctrlKey || event.metaKey) || event.altKey || (key !== "z" && key !== "y")) return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) session.redo();
    else session.undo();
  }, { signal });
  root.addEventListener("pointerdown", (event) => {
    if (event.target.closest("input[type=range], .sg-strip")) session.press();
  }, { signal });
  for (const kind of ["pointerup", "pointercancel", "blur"]) {
    window.addEventListener(kind, () => session.isHeld && session.release(), { signal });
  }
  const header = document.querySelector("header");
  const measure = () => document.documentElement.style.setProperty("--header", `${header.offsetHeight}px`);
  const observer = new ResizeObserver(measure);
  observer.observe(header);
  signal.addEventListener("abort", () => observer.disconnect());
  measure();
}
