// How a painting by gradient descent goes: progress, curves, strip, and blending once it has ended.

import { post } from "../api.js";
import { guarded, h, slider } from "../dom.js";
import { t } from "../words.js";
import { latest } from "./latest.js";
import { redraw } from "./pickers.js";
import { drawCurves, goOn, isOn, run, title } from "./run.js";

const percent = (x) => `${Math.round(100 * x)} %`;

// onpick(image) shows one of the strip, null: the latest; onblend() follows each blending.
export function runPanel(onpick, onblend) {
  const bar = h("progress", { max: 1, "aria-label": t("progress") });
  const told = h("div", { class: "number st-told", role: "status" });
  const resume = h("button", { onclick: () => { onpick(null); guarded(goOn); } });
  const name = h("strong", {});
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

  const box = h("div", { class: "column" },
    h("div", { class: "row st-head" }, name, bar, resume), told, strip, curves, legend, blending);
  box.draw = () => {
    if (run.state === "idle") return;
    if (run.step) bar.value = run.step / run.total;
    else bar.removeAttribute("value"); // it has no share yet
    bar.hidden = run.state === "failed";
    name.textContent = title();
    const next = run.state === "done" ? "as many steps again: {what}" : "go on with {what}";
    resume.textContent = t(next, { what: title() });
    resume.hidden = run.state !== "stopped" && run.state !== "done";
    name.hidden = !resume.hidden;
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
  if (run.state === "on" && run.step && run.isWaiting) yield t("preparing ...");
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
