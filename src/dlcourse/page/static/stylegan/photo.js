// My photo: the w whose image is nearest to it, which then stands for seed A or B.

import { download, job, post, postForBlob, upload } from "../api.js";
import { choice, dropZone, guarded, h } from "../dom.js";
import { t } from "../words.js";
import { lastOf, withSeed, zeros } from "./state.js";

const STEPS = [100, 300, 500, 1000, 2000];

export function photo(session, signal) {
  const shown = h("img", { alt: t("the photo") }), found = h("img", { alt: t("its projection"), class: "pixels" });
  const pair = h("div", { class: "sg-pair", hidden: true }, shown, h("span", { class: "faint" }, "→"), found);
  const progress = h("progress", { max: 1, value: 0, "aria-label": t("progress") });
  const told = h("small", { class: "number", role: "status" });
  const cancel = h("button", { onclick: () => guarded(() => post("stylegan/stop")) }, t("that is enough"));
  const steps = choice({ label: t("steps"), value: "500", onchange: () => {},
    choices: STEPS.map((count) => [String(count), String(count)]) });
  const space = choice({ label: t("likeness"), value: "w+", onchange: () => {},
    choices: [["w+", t("closest (W+)")], ["w", t("a typical image (W)")]] });
  const again = h("button", { hidden: true, onclick: () => begin() }, t("once more"));
  const working = h("div", { class: "column sg-working", hidden: true },
    progress, h("div", { class: "row" }, cancel, told));
  const results = h("div", { class: "column" });
  let image = null, isOn = false;

  const take = (given) => {
    image = given;
    shown.src = found.src = given.image;
    pair.hidden = false;
    begin();
  };
  const begin = () => guarded(async () => {
    if (isOn) return;
    isOn = again.hidden = true;
    working.hidden = false;
    [told.textContent, progress.value] = [t("begins ..."), 0];
    try {
      const body = { upload: image.upload, steps: Number(steps.select.value), space: space.select.value };
      await job("stylegan/project", body, show, signal);
    } finally {
      working.hidden = true;
      isOn = again.hidden = false;
    }
  });
  const show = (event) => {
    const { step, total, psnr, image: made, latent, name } = event;
    if (made) found.src = made;
    progress.value = step / total;
    told.textContent = t("step {step} of {total}, {psnr} dB", { step, total, psnr: psnr.toFixed(1) });
    if (latent === undefined) return;
    session.about.latents[latent] = name;
    results.prepend(result(session, latent, t("{name}: {psnr} dB", { name, psnr: psnr.toFixed(1) })));
  };
  session.about.latents.forEach((name, latent) => name !== null && results.prepend(result(session, latent, name)));
  document.addEventListener("paste", (event) => { // anywhere on the page
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (file && !zone.contains(event.target)) guarded(async () => take(await upload(file)));
  }, { signal });
  const zone = dropZone(t("or drop or paste one, framed as the images here are"), take);
  return h("section", { class: "panel column" }, h("h2", {}, t("My photo")), zone, steps, space, pair, working,
    again, results);
}

// What has been found: use it as a seed, or save it.
function result(session, latent, text) {
  const seed = () => ({ latent, name: session.about.latents[latent] });
  const use = (place) => {
    const count = session.about.layers.length, { seeds } = session.state;
    if (place) session.set(withSeed(session.state, 1, seed()));
    else { // seen as it was found
      const plain = { weights: [zeros(count)], edits: [], noise: "stored", noise_strength: 1 };
      session.set({ seeds: [seed(), lastOf(seeds)], ...plain });
    }
  };
  const save = () => guarded(async () => {
    const state = { seeds: [{ latent }], weights: [], edits: [], class: session.state.class };
    download(await postForBlob("stylegan/save", { state, kind: "pt" }), `${seed().name}.pt`);
  });
  return h("div", { class: "row sg-result", role: "group", "aria-label": text }, h("span", {}, text),
    h("button", { onclick: () => use(0) }, t("as A")), h("button", { onclick: () => use(1) }, t("as B")),
    h("button", { onclick: save }, t("save w (.pt)")));
}
