// Play, pause, step, reset, speed, lessons, and how far the training is.

import { choice, h } from "../dom.js";
import { currentLanguage, t } from "../words.js";
import { isChanged, isLackingPoints } from "./state.js";

const SPEEDS = [
  [0, "as fast as it can"], [100, "100 a second"], [30, "30 a second"], [10, "10 a second"], [2, "2 a second"],
];

export class Bar {
  // start(isPlaying) begins anew; choosePreset(id).
  constructor({ about, session, state, start, choosePreset }) {
    Object.assign(this, { about, session, state, language: currentLanguage() });
    this.play = h("button", { class: "main", onclick: () => {
      if (session.isPlaying) session.pause();
      else if (session.canGoOn) session.play();
      else start(true);
    } });
    this.step = h("button", { onclick: () => (session.canGoOn ? session.step() : start(false)) }, t("Step"));
    this.reset = h("button", { onclick: () => start(false) }, t("Reset"));
    this.counter = h("span", { class: "number pg-counter" });
    this.result = h("span", { class: "number pg-result", role: "status" });
    const speed = choice({ label: t("speed"), choices: SPEEDS.map(([value, text]) => [String(value), t(text)]),
      value: String(session.speed), onchange: (value) => session.setSpeed(Number(value)) });
    const titles = about.presets.map((one) => [one.id, one.title[this.language]]);
    this.presets = choice({ label: t("lesson"), value: state().preset, onchange: choosePreset,
      choices: [["", t("choose a lesson")], ...titles] });
    this.sentence = h("p", { class: "pg-sentence", "aria-live": "polite" });
    this.element = h("section", { class: "panel pg-top", "aria-label": t("training") },
      h("div", { class: "row" }, this.play, this.step, this.reset, speed, this.presets),
      h("div", { class: "pg-status" }, this.counter, this.result), this.sentence);
  }

  // After a change of the state, and when playing begins or ends.
  update() {
    this.play.textContent = this.session.isPlaying ? t("Pause") : t("Play");
    this.presets.set(this.state().preset);
    const isLacking = this.state().data === "own" && isLackingPoints(this.state().own);
    for (const button of [this.play, this.step, this.reset]) button.disabled = isLacking;
    const preset = this.about.presets.find((one) => one.id === this.state().preset);
    if (!preset) {
      this.sentence.replaceChildren(h("span", { class: "faint" }, t("Press play. A lesson says what to expect.")));
      return;
    }
    const [file, heading] = preset.see[this.language];
    const changed = isChanged(this.state(), this.about) ? [h("em", {}, t("(changed since)")), " "] : [];
    const see = h("small", {}, t("See {file} in the project's folder, “{heading}”.", { file, heading }));
    this.sentence.replaceChildren(preset.text[this.language], " ", ...changed, see);
  }

  tell(counter, result = "") {
    this.counter.textContent = counter;
    this.result.textContent = result;
  }

  // How far an event says that it is.
  show({ step, total, rate, results, skipped }) {
    const numbers = { done: step, total, rate: Math.round(rate) };
    const test = results?.["test/accuracy"] ?? null;
    const found = test === null ? [] : [`${t("test")} ${(100 * test).toFixed(1)} %`];
    if (skipped) found.push(t("{skipped} updates skipped: not finite", { skipped }));
    this.tell(rate ? t("step {done} of {total}, {rate} updates/s", numbers) : t("step {done} of {total}", numbers),
      found.join(" · "));
  }
}
