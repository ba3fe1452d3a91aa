// The style-transfer tab: a network paints at once; gradient descent paints while one watches.

import { download, post, postForBlob } from "../api.js";
import { commandBox, guarded, h, slider } from "../dom.js";
import { t } from "../words.js";
import "./words.js";
import { compare } from "./compare.js";
import { maskPainter } from "./mask.js";
import { commonSettings, contentPicker, descentSettings, redraw, stylePicker } from "./pickers.js";
import { changes, drawCurves, goOn, isOn, order, run, start } from "./run.js";
import {
  chosen, fastRequest, gallery, load, mask, masks, request, sizeOfContent, stateOf, value,
} from "./state.js";

const fast = { image: null, command: "", content: null, of: "" }; // what the network has painted; content: a URL
const percent = (x) => `${Math.round(100 * x)} %`;
const SLOW_ONLY = ["content_weight", "steps", "init", "seed"];

// An action that is asked for faster than it can be done: one at a time, and at last the latest.
function latest(action) {
  let isBusy = false, isAsked = false;
  return async () => {
    isAsked = true;
    if (isBusy) return;
    isBusy = true;
    while (isAsked) {
      isAsked = false;
      await guarded(action);
    }
    isBusy = false;
  };
}

export function mount(root, state, save) {
  let unmount = () => {}, isGone = false;
  guarded(async () => {
    await load(state);
    if (!isGone) unmount = build(root, save);
  });
  return () => { isGone = true; unmount(); };
}

function build(root, save) {
  let view = isOn() ? "run" : "fast"; // what is shown
  let picked = null; // an image of the strip
  let masking = null; // what is masked: the key of a style, or "content"; null: nothing

  const content = contentPicker(() => changed());
  const styles = stylePicker((why) => changed(why));
  const common = commonSettings((why) => changed(why));
  const descent = descentSettings((why) => changed(why));
  const stage = compare(chosen.split, (next) => { chosen.split = next; });
  const command = commandBox(), trainCommand = commandBox();
  const strength = slider({ label: t("strength"), min: 0, max: 1, step: 0.05, value: chosen.strength, format: percent,
    oninput: (next) => { chosen.strength = next; changed("strength"); } });
  const [toFast, toRun] = [["fast", "at once"], ["run", "by gradient descent"]].map(([name, text]) =>
    h("button", { onclick: () => { view = name; picked = null; draw(); } }, t(text)));
  const painter = maskPainter(() => { drawMaskButtons(); refreshFast(); saveState(); });
  const maskTargets = h("div", { class: "row", role: "group", "aria-label": t("masks") });
  const caption = h("small", { class: "number" });
  const controls = runControls();
  const saving = h("button", { onclick: () => guarded(saveImage) }, t("save as PNG"));
  const panel = runPanel((image) => { picked = image; view = "run"; draw(); }, () => draw());

  const refreshFast = latest(async () => {
    const body = await fastRequest();
    const { content: of, content_size: size } = body;
    const key = JSON.stringify([of, size]);
    const shown = fast.of === key ? null : postForBlob("style_transfer/content", { content: of, content_size: size });
    const painted = post("style_transfer/stylize", body);
    if (shown) Object.assign(fast, { content: URL.createObjectURL(await shown), of: key, image: null });
    openMask(masking); // over the new content
    Object.assign(fast, await painted);
    draw();
  });
  const refreshCommand = latest(async () => {
    trainCommand.set((await post("style_transfer/command", await request())).command);
    save(stateOf()); // which knows now under which number a mask was sent
  });
  const saveState = () => { save(stateOf()); refreshCommand(); };

  // Something has been chosen: show it.
  function changed(why = "") {
    for (const one of [content, styles, common, descent]) one.draw(why);
    if (!SLOW_ONLY.includes(why)) {
      view = "fast";
      refreshFast();
    }
    saveState();
    const isThere = masking === "content" || chosen.styles.some(({ key }) => key === masking);
    if (masking) openMask(isThere ? masking : null);
    drawMaskButtons();
    draw();
  }

  // --- masks ---

  function openMask(target) {
    masking = target;
    if (masking) painter.open(target === "content" ? masks.content : mask(target), fast.content, sizeOfContent());
    drawMaskButtons();
    draw();
  }

  function drawMaskButtons() {
    const button = (target, one, text, image) => h("button", {
      class: "st-mask-button", "aria-pressed": String(masking === target),
      onclick: () => openMask(masking === target ? null : target),
    }, image ? h("img", { src: image, alt: "" }) : null, text + (one.isEmpty ? "" : " ●"));
    redraw(maskTargets, h("span", { class: "faint" }, t("paint a mask:")),
      ...chosen.styles.map(({ key }) => button(key, mask(key), t("where this style goes"), gallery.get(key).image)),
      button("content", masks.content, t("where the content counts")),
      masking ? h("button", { class: "main", onclick: () => openMask(null) }, t("done")) : "");
  }

  // --- painting by gradient descent ---

  function runControls() {
    const begin = h("button", { class: "main", onclick: () => guarded(paint) }, t("paint by gradient descent"));
    const pause = h("button", { onclick: () => guarded(() => order(run.state === "paused" ? "play" : "pause")) });
    const stop = h("button", { onclick: () => guarded(() => order("stop")) }, t("stop")); // a second time does no harm
    const resume = h("button", { onclick: () => { view = "run"; picked = null; guarded(goOn); } }, t("go on"));
    const box = h("div", { class: "row" }, begin, pause, stop, resume);
    box.draw = () => {
      const had = box.contains(document.activeElement) ? document.activeElement : null;
      begin.hidden = isOn();
      stop.hidden = !isOn();
      pause.hidden = !isOn() || run.state === "stopping";
      pause.textContent = t(run.state === "paused" ? "continue" : "pause");
      resume.hidden = run.state !== "stopped";
      if (had?.hidden) box.querySelector("button:not([hidden])").focus();
    };
    return box;
  }

  async function paint() {
    const body = await request();
    const shown = { content: body.content, content_size: value("content_size") };
    const before = URL.createObjectURL(await postForBlob("style_transfer/content", shown));
    view = "run";
    picked = null;
    openMask(null);
    await start(body, before);
  }

  function draw() {
    const isRun = view === "run" && run.state !== "idle";
    const image = isRun ? picked?.image ?? run.blended?.image ?? run.image : fast.image;
    stage.set(isRun ? run.before : fast.content, image);
    stage.hidden = Boolean(masking);
    painter.hidden = !masking;
    toFast.setAttribute("aria-pressed", String(!isRun));
    toRun.setAttribute("aria-pressed", String(isRun));
    toFast.classList.toggle("pressed", !isRun);
    toRun.classList.toggle("pressed", isRun);
    toRun.hidden = run.state === "idle";
    strength.hidden = isRun;
    caption.textContent = isRun && picked ? t("step {n}", { n: picked.step }) : "";
    command.set(isRun ? run.blended?.command ?? run.command : fast.command);
    controls.draw();
    panel.draw(isRun);
    panel.hidden = !isRun;
    saving.disabled = isRun && (isOn() || !run.step);
  }

  async function saveImage() {
    const isRun = view === "run" && run.state !== "idle";
    const body = isRun ? { run: run.number, luminance: run.luminance, color: run.color } : await fastRequest();
    const name = isRun ? "result" : "save";
    download(await postForBlob(`style_transfer/${name}`, body), isRun ? "result.png" : "painted.png");
  }

  root.replaceChildren(h("div", { class: "st-tab" },
    h("div", { class: "column panel st-pickers" }, content, styles),
    h("div", { class: "column panel st-stage" },
      h("div", { class: "row" }, toFast, toRun, caption, h("div", { class: "row st-end" }, controls, saving)),
      stage, painter, strength, panel, command, maskTargets),
    h("div", { class: "column panel st-settings" },
      h("h2", {}, t("Settings")), common, h("h2", {}, t("Gradient descent")), descent, trainCommand)));
  const onChange = () => draw();
  changes.addEventListener("change", onChange);
  document.addEventListener("theme", onChange);
  addEventListener("resize", onChange);
  changed(isOn() ? "seed" : "");
  if (isOn() || !fast.content) refreshFast();
  return () => {
    changes.removeEventListener("change", onChange);
    document.removeEventListener("theme", onChange);
    removeEventListener("resize", onChange);
  };
}

// How the painting goes: progress, curves, strip, and blending once it has ended.
function runPanel(onpick, onblend) {
  const bar = h("progress", { max: 1, "aria-label": t("progress") });
  const told = h("span", { class: "number" });
  const curves = h("canvas", { class: "st-curves", role: "img", "aria-label": t("losses") });
  const losses = [["loss", "accent"], ["content loss", "coarse"], ["style loss", "middle"]];
  const legend = h("div", { class: "row st-legend" },
    losses.map(([text, name]) => h("small", { class: `st-${name}` }, t(text))),
    h("small", {}, t("each relative to its largest value")));
  const strip = h("div", { class: "st-strip" });
  const luminance = share("luminance", t("brightness")), color = share("color", t("colours"));
  const blending = h("div", { class: "column st-tight" }, h("h3", {}, t("Blend with the content")), luminance, color);
  let drawn = null;

  const refresh = latest(async () => {
    const { number, luminance: light, color: tint } = run;
    const blended = await post("style_transfer/blend", { run: number, luminance: light, color: tint });
    run.blended = light === 1 && tint === 1 ? { ...blended, command: run.command } : blended;
    onblend();
  });

  function share(name, label) {
    return slider({ label, min: 0, max: 1, step: 0.05, value: run[name] ?? 1, format: percent,
      oninput: (next) => { run[name] = next; refresh(); } });
  }

  const box = h("div", { class: "column" }, h("div", { class: "row" }, bar, told), strip, curves, legend, blending);
  box.draw = () => {
    if (run.state === "idle") return;
    bar.value = run.total ? run.step / run.total : 0;
    told.textContent = [...progress()].join(" · ");
    blending.hidden = isOn() || !run.step;
    luminance.set(run.luminance);
    color.set(run.color);
    const last = run.strip.at(-1);
    if (drawn !== last) {
      drawn = last;
      redraw(strip, ...run.strip.map((one) => h("button", {
        class: "st-thumb", "aria-label": t("step {n}", { n: one.step }), onclick: () => onpick(one),
      }, h("img", { src: one.image, alt: "" }), h("small", {}, one.step))),
      h("button", { onclick: () => onpick(null) }, t("now")));
    }
    requestAnimationFrame(() => drawCurves(curves));
  };
  return box;
}

function* progress() {
  if (!run.step) yield t({ on: "preparing ...", failed: "it has failed" }[run.state] ?? "");
  else yield t("step {n} of {total}", { n: run.step, total: run.total });
  if (run.state === "on" && run.rate) yield t("{x} steps a second", { x: run.rate.toPrecision(2) });
  if (run.state === "on" && run.left) yield t("{time} left", { time: clock(run.left) });
  if (isOn() && run.size) yield `${run.size} px`;
  if (run.state === "paused") yield t("paused");
  if (run.state === "stopping") yield t("stopping ...");
  if (run.state === "stopped") yield t("stopped; the best image is kept");
  if (run.state === "done") yield t("done");
  if (run.folder && !isOn()) yield run.folder;
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.round(seconds) % 60).padStart(2, "0")}`;
