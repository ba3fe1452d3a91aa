// The style-transfer tab: a network paints at once; gradient descent paints while one watches.

import { download, post, postForBlob } from "../api.js";
import { commandBox, guarded, h, slider, tell } from "../dom.js";
import { t } from "../words.js";
import "./words.js";
import { compare } from "./compare.js";
import { latest } from "./latest.js";
import { maskPainter } from "./mask.js";
import { commonSettings, contentPicker, descentSettings, redraw, stylePicker } from "./pickers.js";
import { changes, isOn, order, recall, run, start, title } from "./run.js";
import { runPanel } from "./run_panel.js";
import {
  FAST, about, chosen, fastRequest, fileName, gallery, load, mask, masks, nameOf, request, sizeOfContent, stateOf,
  value,
} from "./state.js";

const fast = { image: null, command: "", content: null, of: "" }; // what the network has painted; content: a URL
const percent = (x) => `${Math.round(100 * x)} %`;
const SHOWN = "style_transfer_run"; // in the session storage: the folder of the run that is shown, "" for none
const SLOW_ONLY = ["content_weight", "steps", "init", "seed"];

export function mount(root, state, save) {
  let unmount = () => {}, isGone = false;
  const loading = h("small", { role: "status" }, t("loading ..."));
  root.replaceChildren(h("div", { class: "st-tab" },
    h("div", { class: "column panel st-pickers" }, h("h2", {}, t("Content")), h("h2", {}, t("Style"))),
    h("div", { class: "column panel st-stage" }, h("div", { class: "st-place" }, loading)),
    h("div", { class: "column panel st-settings" }, h("h2", {}, t("Settings")), h("h2", {}, t("Gradient descent")))));
  guarded(async () => {
    await load(state);
    if (!isGone) unmount = build(root, save);
  });
  return () => { isGone = true; unmount(); };
}

function build(root, save) {
  const shownBefore = sessionStorage.getItem(SHOWN);
  let view = isOn() ? "run" : "fast"; // what is shown
  let isSlow = false; // the painting at once takes its time
  let trainLine = "";
  let picked = null; // an image of the strip
  let masking = null; // what is masked: the key of a style, or "content"; null: nothing

  const content = contentPicker(() => changed());
  const styles = stylePicker((why) => changed(why));
  const common = commonSettings((why) => changed(why));
  const descent = descentSettings((why) => changed(why));
  const stage = compare(chosen.split, (next) => { chosen.split = next; });
  const busy = h("div", { class: "st-busy", role: "status" });
  const command = commandBox(), trainCommand = commandBox();
  const ofFast = h("div", { class: "column st-tight" }, Object.entries(FAST).map(([name, [min, max]]) =>
    slider({ label: t(name), min, max, step: 0.05, value: chosen[name], format: percent,
      oninput: (next) => { chosen[name] = next; changed(name); } })));
  const [toFast, toRun] = [["fast", "at once"], ["run", "by gradient descent"]].map(([name, text]) =>
    h("button", { onclick: () => { view = name; picked = null; openMask(null); } }, t(text)));
  const views = h("div", { class: "st-views", role: "group", "aria-label": t("what is shown") }, toFast, toRun);
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
  }, (next) => { isSlow = next; draw(); });
  const refreshCommand = latest(async () => {
    trainLine = (await post("style_transfer/command", await request())).command;
    trainCommand.set(trainLine);
    draw();
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
    const painted = target === "content" ? masks.content : target && mask(target);
    if (target) painter.open(painted, fast.content, sizeOfContent(), hint());
    drawMaskButtons();
    draw();
  }

  // As openMask(null); the focus goes back to the mask's button.
  function closeMask() {
    const before = masking;
    openMask(null);
    maskTargets.querySelector(`[data-target="${CSS.escape(before)}"]`)?.focus();
  }

  const hint = () => [
    t("Paint over the image: drag, or use the arrow keys and the space bar. Esc ends it."),
    masking === "content"
      ? t("What is painted stays like the content. Only gradient descent reads this mask, not the painting at once.")
      : t("What is painted gets this style."),
  ].join(" ");

  function drawMaskButtons() {
    const button = (target, one, text, image, note) => h("button", {
      class: "st-mask-button", "aria-pressed": String(masking === target), "data-target": target,
      title: [note, one.isEmpty ? "" : t("● a mask is painted")].filter(Boolean).join("; ") || null,
      onclick: () => { openMask(masking === target ? null : target); if (masking) painter.begin(); },
    }, image ? h("img", { src: image, alt: "" }) : null, text + (one.isEmpty ? "" : " ●"));
    redraw(maskTargets, h("span", { class: "faint" }, t("paint a mask:")),
      ...chosen.styles.map(({ key }) => button(key, mask(key), t("where this style goes"), gallery.get(key).image)),
      button("content", masks.content, t("where the content counts"), null, t("only for gradient descent")),
      masking ? h("button", { class: "main", onclick: closeMask }, t("done")) : "");
  }

  // --- painting by gradient descent ---

  function runControls() {
    const begin = h("button", { class: "main", onclick: () => guarded(paint) }, t("paint by gradient descent"));
    const pause = h("button", { onclick: () => guarded(() => order(run.state === "paused" ? "play" : "pause")) });
    const stop = h("button", { onclick: () => guarded(() => order("stop")) }, t("stop")); // a second time does no harm
    const box = h("div", { class: "row" }, begin, pause, stop);
    box.draw = () => {
      const had = box.contains(document.activeElement) ? document.activeElement : null;
      begin.hidden = isOn();
      stop.hidden = !isOn();
      pause.hidden = !isOn() || run.state === "stopping";
      pause.textContent = run.state === "paused" ? t("go on") : t("pause");
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
    const isPreparing = isRun && run.state === "on" && run.isWaiting;
    busy.hidden = !(isPreparing || (isSlow && !isRun));
    busy.textContent = isPreparing ? t("preparing ...") : t("painting ...");
    toFast.setAttribute("aria-pressed", String(!isRun));
    toRun.setAttribute("aria-pressed", String(isRun));
    toRun.title = [title(), t("step {n} of {total}", { n: run.step, total: run.total })].join(", ");
    views.hidden = run.state === "idle";
    if (run.folder) sessionStorage.setItem(SHOWN, isRun ? run.folder : "");
    ofFast.hidden = isRun;
    caption.textContent = isRun && picked ? t("step {n}", { n: picked.step }) : "";
    command.set(isRun ? run.blended?.command ?? run.command : fast.command);
    trainBox.hidden = isRun && trainLine === run.command; // it stands below the image
    controls.draw();
    panel.draw(isRun);
    panel.hidden = !isRun;
    saving.disabled = isRun && (isOn() || !run.step);
  }

  async function saveImage() {
    const isRun = view === "run" && run.state !== "idle";
    const body = isRun ? { run: run.number, luminance: run.luminance, color: run.color } : await fastRequest();
    const keys = [chosen.content, ...chosen.styles.map(({ key }) => key)];
    const names = isRun ? [run.content, ...run.styles] : keys.map(nameOf);
    download(await postForBlob(`style_transfer/${isRun ? "result" : "save"}`, body), fileName(names));
  }

  const trainBox = h("div", { class: "column st-tight" }, h("small", {}, t("with these settings:")), trainCommand);
  const tab = h("div", { class: "st-tab" },
    h("div", { class: "column panel st-pickers" }, content, styles),
    h("div", { class: "column panel st-stage" },
      h("div", { class: "row st-bar" }, views, caption, h("div", { class: "row st-end" }, controls, saving)),
      h("div", { class: "st-place" }, stage, painter, busy), maskTargets, ofFast, panel, command),
    h("div", { class: "column panel st-settings" },
      h("h2", {}, t("Settings")), common, h("h2", {}, t("Gradient descent")), descent, trainBox));
  tab.addEventListener("keydown", (event) => { if (event.key === "Escape" && masking) closeMask(); });
  root.replaceChildren(tab);
  const onChange = () => draw();
  changes.addEventListener("change", onChange);
  document.addEventListener("theme", onChange);
  addEventListener("resize", onChange);
  changed(isOn() ? "seed" : "");
  if (isOn() || !fast.content) refreshFast();
  const chosenFirst = JSON.stringify(stateOf());
  guarded(() => recall(about.runs.length)).then((isFound) => {
    if (!isFound || !tab.isConnected) return;
    if (run.folder === shownBefore && chosenFirst === JSON.stringify(stateOf()) && !masking) view = "run"; // as before
    else tell(t("the last painting by gradient descent is kept: {what}", { what: title() }));
    draw();
  });
  return () => {
    changes.removeEventListener("change", onChange);
    document.removeEventListener("theme", onChange);
    removeEventListener("resize", onChange);
  };
}
