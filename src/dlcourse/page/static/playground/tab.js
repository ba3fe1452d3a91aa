// The playground: a classifier that trains while one watches. This file joins its parts.

import { post } from "../api.js";
import { commandBox, guarded, h } from "../dom.js";
import { t } from "../words.js";
import "./words.js";
import { Bar } from "./bar.js";
import { chooseColors } from "./colors.js";
import { Curves } from "./curves.js";
import { DataPanel } from "./data.js";
import { Network } from "./network.js";
import { Options } from "./options.js";
import { Session } from "./session.js";
import { checkedState, forLink, lack, planeOf, presetState } from "./state.js";

const WAIT = 250; // milliseconds after a change before the training begins anew

export function mount(root, saved, save) {
  let playground = null;
  let isOver = false;
  guarded(async () => {
    const about = await post("playground");
    if (!isOver) playground = new Playground(root, about, saved, save);
  });
  return () => {
    isOver = true;
    playground?.end();
  };
}

class Playground {
  constructor(root, about, saved, save) {
    Object.assign(this, { about, save, state: checkedState(saved, about), timer: 0, playsNext: false });
    chooseColors();
    const parts = { about, state: () => this.state, change: (part, isDone) => this.change(part, isDone) };
    this.session = new Session({
      onevent: (event) => this.take(event),
      ondraw: (event) => this.draw(event),
      onstatus: () => this.bar.update(),
      onfailure: (message) => this.fail(t(message)),
    });
    this.data = new DataPanel(parts);
    this.options = new Options(parts);
    this.curves = new Curves();
    this.network = new Network({
      getHidden: () => this.state.hidden,
      setHidden: (hidden) => this.change({ hidden }),
      onunit: (unit) => this.showUnit(unit),
      most: about.choices.most,
      colors: about.colors,
    });
    const { session } = this;
    const orders = { start: (isPlaying) => this.start(isPlaying), choosePreset: (id) => this.choose(id) };
    this.bar = new Bar({ ...parts, ...orders, session });
    this.command = this.commandBox();
    this.recolor = () => this.drawAnew();
    document.addEventListener("theme", this.recolor);
    root.append(this.bar.element,
      h("div", { class: "columns pg-columns" }, this.data.element,
        h("div", { class: "column" }, this.network.element, this.curves.element), this.options.element),
      h("section", { class: "panel pg-command" }, h("h3", {}, t("The command that trains this very network")),
        this.command));
    this.update(true);
    this.start(false);
  }

  // Own points get a file to stay when their command is copied.
  commandBox() {
    const box = commandBox();
    const keep = () => guarded(() => post("playground/command", { state: this.forServer(), keep: true }));
    box.querySelector("button").addEventListener("click", keep);
    box.addEventListener("copy", keep);
    return box;
  }

  forServer() {
    const { preset, own, ...rest } = this.state;
    return { ...rest, own: rest.data === "own" ? own : [] };
  }

  // Change a part of the state; while a point is dragged (isDone false) nothing begins.
  change(part, isDone = true) {
    this.state = { ...this.state, ...part };
    this.playsNext ||= this.session.isPlaying;
    clearTimeout(this.timer);
    if (!isDone) return;
    this.update("hidden" in part || "own" in part || "data" in part);
    this.timer = setTimeout(() => this.start(this.playsNext), WAIT);
  }

  choose(id) {
    this.state = id ? presetState(id, this.about, this.state.own) : { ...this.state, preset: "" };
    this.update(true);
    this.start(false);
  }

  // Show the state everywhere.
  update(isNewNetwork) {
    this.command.set("");
    this.save(forLink(this.state));
    this.data.update();
    this.options.update();
    this.bar.update();
    if (!isNewNetwork) return;
    const colors = this.state.data === "own" ? [...new Set(this.state.own.map((point) => point[2]))].sort() : [];
    this.network.build(colors.map((color) => ({ name: String(color + 1), color })));
  }

  // Begin anew with what the state says.
  start(isPlaying) {
    clearTimeout(this.timer);
    this.playsNext = false;
    this.curves.clear();
    this.data.update();
    const { state } = this;
    const isOwn = state.data === "own";
    if (isOwn && lack(state.own)) {
      this.stop();
      return;
    }
    this.bar.tell(t("starting ..."));
    this.session.start(this.forServer(), isOwn ? planeOf(state.own) : null, isPlaying);
    post("playground/command", { state: this.forServer() })
      .then(({ command }) => { if (this.state === state) this.command.set(command); }, () => {}); // fail() tells why
  }

  stop() {
    this.session.end();
    this.session.setPlaying(false);
    this.data.clear();
    this.bar.tell("");
  }

  fail(message) {
    this.data.setProblem(message);
    this.bar.tell("");
  }

  // Every event; the first one of a training also has its points and classes.
  take(event) {
    if (event.grid) {
      this.data.begin(event);
      this.network.build(event.classes);
    }
    this.curves.add(event);
  }

  // The newest event, before the next frame.
  draw(event) {
    this.data.plane.event = event;
    this.data.plane.drawMap();
    this.network.show(event);
    this.curves.draw();
    this.bar.show(event);
  }

  showUnit(unit) {
    this.data.plane.unit = unit;
    this.data.plane.drawMap();
  }

  // For another theme.
  drawAnew() {
    chooseColors();
    this.network.draw();
    this.data.plane.drawMap();
    this.data.plane.drawPoints();
    this.curves.draw();
  }

  end() {
    clearTimeout(this.timer);
    document.removeEventListener("theme", this.recolor);
    this.session.end();
    for (const part of [this.data, this.network, this.curves]) part.end();
  }
}
