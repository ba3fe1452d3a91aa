// Walks (animations), and what can be saved of the image.

import { download, job, post, postForBlob } from "../api.js";
import { choice, commandBox, guarded, h, slider, tell } from "../dom.js";
import { t } from "../words.js";
import { alone, drawn, fileName, lastOf } from "./state.js";
import { SAVED } from "./words.js";

const MOST_FRAMES = 600, MOST_KEYS = 20;

export function walk(session, signal) {
  let frames = 30, control = null, file = null;
  const pairs = (values, word = "{value}") => values.map((value) => [String(value), t(word, { value })]);
  const paths = { ab: t("A to B"), noise: t("noise alone"), seen: t("images so far") };
  const path = choice({ label: t("path"), value: "ab", onchange: () => draw(), choices: Object.entries(paths) });
  const count = slider({ label: t("frames per pair"), min: 2, max: 120, step: 1, value: frames, oninput: (value) => {
    frames = value;
    draw();
  } });
  const speed = choice({ label: t("speed"), value: "15", onchange: () => {},
    choices: pairs([8, 15, 25], "{value} a second") });
  const kind = choice({ label: t("file"), value: "gif", choices: pairs(["gif", "webp", "mp4"]), onchange: () => {} });
  const back = h("input", { type: "checkbox", checked: true, onchange: () => draw() });
  const total = h("small", { class: "number", role: "status" });
  const progress = h("progress", { max: 1, value: 0, hidden: true, "aria-label": t("progress") });
  const start = h("button", { onclick: () => (control ? control.abort() : begin()) });
  const save = h("button", { onclick: () => download(file, `walk.${file.kind}`) }, t("save"));
  const caption = h("small", { class: "number" });
  const made = h("div", { class: "row", hidden: true }, save, caption); // belongs to the walk that is shown
  const view = h("div", { class: "sg-view" });

  const keys = () => {
    if (path.select.value === "noise") return [drawn(session.state)];
    if (path.select.value === "seen") return session.seen.slice(-MOST_KEYS).map((one) => drawn(one.state));
    return [session.state.seeds[0], lastOf(session.state.seeds)].map((seed) => alone(session.state, seed));
  };
  const sum = () => {
    const steps = keys().length, loop = Number(back.checked);
    return path.select.value === "noise" ? frames : frames * (steps - 1 + loop) + 1 - loop;
  };
  const draw = () => {
    const isNoise = path.select.value === "noise", lacks = path.select.value === "seen" && session.seen.length < 2;
    back.disabled = isNoise;
    count.firstChild.textContent = isNoise ? t("frames") : t("frames per pair");
    total.textContent = lacks ? t("there is only one image so far")
      : t("{total} frames will be drawn", { total: sum() });
    start.textContent = control ? t("cancel") : t("make it");
    start.disabled = !control && (lacks || sum() > MOST_FRAMES || sum() < 1);
    if (sum() > MOST_FRAMES) total.textContent += `, ${t("at most {most}", { most: MOST_FRAMES })}`;
  };
  const begin = () => guarded(async () => {
    control = new AbortController();
    const either = AbortSignal.any([control.signal, signal]);
    progress.hidden = false;
    progress.value = 0;
    draw();
    const name = paths[path.select.value];
    const told = t("{name}, {total} frames, {kind}", { name, total: sum(), kind: kind.select.value });
    try {
      const body = { states: keys(), frames, kind: kind.select.value, loop: back.checked,
        milliseconds: Math.round(1000 / Number(speed.select.value)) };
      let walk = null;
      const show = (event) => {
        if (event.done) progress.value = event.done / event.total;
        walk = event.walk ?? walk;
      };
      await job("stylegan/walk", body, show, either);
      file = await postForBlob("stylegan/walk_file", { walk }, either);
      file.kind = body.kind;
      caption.textContent = told;
      made.hidden = false;
      preview(view, file, made);
    } finally {
      control = null;
      progress.hidden = true;
      draw();
    }
  });
  session.on("state", draw);
  signal.addEventListener("abort", () => URL.revokeObjectURL(view.address));
  draw();
  return h("section", { class: "panel column" }, h("h2", {}, t("Walk")), path, count, speed, kind,
    h("label", { class: "row" }, back, t("and back again")), h("div", { class: "row" }, start, total),
    progress, view, made);
}

// Show an animation in place of the one before, and scroll to it and to what is below.
function preview(view, file, below) {
  if (view.address) URL.revokeObjectURL(view.address);
  view.address = URL.createObjectURL(file);
  const isVideo = file.kind === "mp4";
  const shown = h(isVideo ? "video" : "img", {
    src: view.address, alt: isVideo ? null : t("the walk"), "aria-label": t("the walk"),
    controls: isVideo, loop: isVideo, autoplay: isVideo,
    [isVideo ? "onloadeddata" : "onload"]: () => below.scrollIntoView({ block: "end", behavior: "smooth" }),
  });
  if (isVideo) shown.muted = true;
  view.replaceChildren(shown);
}

export function saving(session, signal) {
  const box = commandBox();
  const save = (kind) => guarded(async () => {
    const name = `${fileName(session.state)}.${kind === "pt" ? "pt" : "png"}`;
    download(await postForBlob("stylegan/save", { state: drawn(session.state), kind }, signal), name);
  });
  const link = () => guarded(async () => {
    await navigator.clipboard.writeText(location.href);
    tell(t("copied: it opens in this browser while the server runs"));
  });
  let asked = 0, timer = null;
  session.on("rest", () => {
    clearTimeout(timer);
    timer = setTimeout(() => guarded(async () => {
      const mine = (asked += 1);
      const { command } = await post("stylegan/command", { state: drawn(session.state) }, signal);
      if (mine === asked) box.set(command);
    }), 250);
  });
  signal.addEventListener("abort", () => clearTimeout(timer));
  return h("section", { class: "panel column" }, h("h2", {}, t("Save")),
    h("div", { class: "row" },
      h("button", { title: t("the image as it is, pixel by pixel"), onclick: () => save("png") }, t("image (.png)")),
      h("button", { title: t("the image enlarged, and above it the command that draws it (.png)"),
        onclick: () => save("labelled") }, t("with its command")),
      h("button", { title: t(SAVED), onclick: () => save("pt") }, t("w and noise (.pt)")),
      h("button", { title: t("the address of this page, which holds all settings"), onclick: link },
        t("copy the link"))),
    h("p", { class: "faint sg-note" }, t("This command draws the same image:")), box);
}
