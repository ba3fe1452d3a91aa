// My photo: the w whose image is nearest to it, which then stands for seed A or B.

import { download, job, post, postForBlob, upload } from "../api.js";
import { choice, commandBox, dropZone, guarded, h, tell } from "../dom.js";
import { t } from "../words.js";
import { SAVED } from "./words.js";
import { lastOf, withSeed, zeros } from "./state.js";

const STEPS = [100, 300, 500, 1000, 2000];
const FOUND = 26, NOT_FOUND = 22; // dB, as in src/dlcourse/stylegan/projection.py

export function photo(session, signal) {
  const shown = h("img", { alt: t("the photo") }), found = h("img", { alt: t("its projection"), class: "pixels" });
  const place = h("div", { class: "sg-found" }, found); // an empty frame until the first image comes
  const pair = h("div", { class: "sg-pair", hidden: true }, shown, h("span", { class: "faint" }, "→"), place);
  const progress = h("progress", { max: 1, value: 0, "aria-label": t("progress") });
  const said = h("small", { class: "number", role: "status" });
  const cancel = h("button", {
    title: t("ends the projection; the best image so far stays"), onclick: () => guarded(() => post("stylegan/stop")),
  }, t("stop and keep"));
  const steps = choice({ label: t("steps"), value: "500", onchange: () => {},
    choices: STEPS.map((count) => [String(count), String(count)]) });
  const space = choice({ label: t("likeness"), value: "w+", onchange: () => {},
    title: t("W+: a w for each layer, closest to the photo; W: one w for all, less close, but easier to change"),
    choices: [["w+", t("closest (W+)")], ["w", t("typical (W)")]] });
  const again = h("button", {
    hidden: true, title: t("the same photo, with these steps and this likeness"), onclick: () => begin(),
  }, t("project again"));
  const working = h("div", { class: "column sg-working", hidden: true },
    progress, h("div", { class: "row" }, cancel, said));
  const meaning = h("p", { class: "faint sg-note", hidden: true }, [
    t("dB: how like the photo. From {found} on: found.", { found: FOUND }),
    t("Below {least}: this network cannot draw it, or it takes more steps.", { least: NOT_FOUND }),
  ].join(" "));
  const results = h("div", { class: "sg-results" }), command = commandBox(t("the command of the projection"));
  command.hidden = true;
  let image = null, isOn = false;

  const take = (given) => {
    if (isOn) {
      tell(t("another photo is being projected"));
      return;
    }
    image = given;
    shown.src = given.image;
    pair.hidden = meaning.hidden = false;
    begin();
  };
  const begin = () => guarded(async () => {
    if (isOn) return;
    isOn = again.hidden = true;
    working.hidden = false;
    found.hidden = true;
    [said.textContent, progress.value] = [t("begins ..."), 0];
    try {
      const body = { upload: image.upload, steps: Number(steps.select.value), space: space.select.value };
      await job("stylegan/project", body, show, signal);
    } finally {
      working.hidden = true;
      isOn = again.hidden = false;
    }
  });
  let psnr = 0; // of the last image
  const show = (event) => {
    const { command: line, step, total, values, image: made, latent: name } = event;
    if (line) {
      command.set(line);
      command.hidden = false;
    }
    if (made) {
      [found.src, found.hidden, psnr] = [made, false, values.psnr ?? psnr];
      progress.value = step / total;
      said.textContent = t("step {step} of {total}, {psnr} dB", { step, total, psnr: psnr.toFixed(1) });
    }
    if (name === undefined) return;
    session.about.latents.unshift(name);
    results.prepend(result(session, name, told(name, psnr)));
  };
  for (const name of session.about.latents) {
    results.append(result(session, name, told(name, session.about.psnr[name])));
  }
  document.addEventListener("paste", (event) => { // anywhere on the page
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (file && !zone.contains(event.target)) guarded(async () => take(await upload(file)));
  }, { signal });
  const zone = dropZone(
    t("or drop or paste one: a face in the middle, looking at you; its central square is taken"), take,
  );
  return h("section", { class: "panel column" }, h("h2", {}, t("My photo")), zone, steps, space, pair, working,
    meaning, again, results, command);
}

// What is known of a projection; older ones may have no dB.
function told(name, psnr) {
  if (typeof psnr !== "number") return name;
  return [t("{name}: {psnr} dB", { name, psnr: psnr.toFixed(1) }), verdict(psnr)].join(" · ");
}

const verdict = (psnr) =>
  (psnr >= FOUND ? t("found") : psnr >= NOT_FOUND ? t("nearly found") : t("not found: see above"));

// What has been found: use it as a seed, or save it.
function result(session, latent, text) {
  const use = (place) => {
    const count = session.about.layers.length, { seeds } = session.state;
    if (place) session.set(withSeed(session.state, 1, { latent }));
    else { // seen as it was found
      const plain = { weights: [zeros(count)], edits: [], noise: "stored", noise_strength: 1 };
      session.set({ seeds: [{ latent }, lastOf(seeds)], ...plain });
    }
  };
  const save = () => guarded(async () => {
    const state = { seeds: [{ latent }], weights: [], edits: [], class: session.state.class };
    download(await postForBlob("stylegan/save", { state, kind: "pt" }), `${latent}.pt`);
  });
  return h("div", { class: "row sg-result", role: "group", "aria-label": text }, h("span", {}, text),
    h("button", { title: t("shows it, ready for the brushes"), onclick: () => use(0) }, t("use as A")),
    h("button", { title: t("paint it over A with the brushes"), onclick: () => use(1) }, t("use as B")),
    h("button", { title: t(SAVED), onclick: save }, t("save w (.pt)")));
}
