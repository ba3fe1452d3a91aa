// The playground: a classifier that trains while one watches. This file joins its parts.

import { job, post } from "../api.js";
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
import { checkedState, forLink, isLackingPoints, labelsOf, planeOf, presetState } from "./state.js";

const WAIT = 250; // milliseconds after a change before the training begins anew
const session = new Session(); // it stays while the page is open
const SHOWN_NAMES = { // classes of the built-in data, with the names that the inputs have here
  "y > sqrt(x)": "x2 > √x1", "y < x^2": "x2 < x1²", between: "between", "inner ring": "inner ring",
  "outer ring": "outer ring", "petals 2, 4, 5": "petals 2, 4, 5", "petals 0, 1, 3": "petals 0, 1, 3",
};

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

// Keep the network that is shown as a run: train it once more, to the last step, in a folder of its own.
function keeping(state) {
  const told = h("small", { role: "status" });
  const keep = h("button", {
    title: t("trains it once more, to the last step, in a folder that TensorBoard and dlcourse report read"),
    onclick: () => guarded(async () => {
      let folder = "";
      keep.disabled = true;
      told.textContent = t("starting ...");
      try {
        await job("playground/keep", { state: state() }, (event) => {
          folder = event.folder ?? folder;
          if (event.step) told.textContent = t("step {done} of {total}", { done: event.step, total: event.total });
          if (event.done) told.textContent = t("kept in {folder}", { folder });
        });
      } catch (error) {
        told.textContent = "";
        throw error;
      } finally {
        keep.disabled = false;
      }
    }),
  }, t("keep as a run"));
  return [keep, told];
}

class Playground {
  constructor(root, about, saved, save) {
    Object.assign(this, { about, save, state: checkedState(saved, about), timer: 0, playsNext: false });
    chooseColors();
    const parts = { about, state: () => this.state, change: (part, isDone) => this.change(part, isDone) };
    const isSame = session.current && JSON.stringify(forLink(this.state)) === JSON.stringify(forLink(session.state));
    if (isSame) this.state = session.state;
    this.data = new DataPanel(parts);
    this.options = new Options(parts);
    this.curves = new Curves(session.history);
    this.network = new Network({
      getHidden: () => this.state.hidden,
      setHidden: (hidden) => this.change({ hidden }),
      onunit: (unit) => this.showUnit(unit),
      most: about.choices.most,
      colors: about.colors,
    });
    const orders = { start: (isPlaying) => this.start(isPlaying), choosePreset: (id) => this.choose(id) };
    this.bar = new Bar({ ...parts, ...orders, session });
    this.command = this.commandBox();
    this.recolor = () => this.drawAnew();
    document.addEventListener("theme", this.recolor);
    root.append(this.bar.element,
      h("div", { class: "columns pg-columns" }, this.data.element,
        h("div", { class: "column" }, this.network.element, this.curves.element), this.options.element),
      h("section", { class: "panel pg-command" },
        h("div", { class: "row" }, h("h3", {}, t("The command that trains this very network")),
          keeping(() => this.forServer())),
        this.command));
    session.attach({
      onevent: (event) => this.take(event),
      ondraw: (event) => this.draw(event),
      onstatus: () => this.bar.update(),
      onfailure: (message) => this.fail(t(message)),
    });
    this.update(true);
    if (isSame) this.goOn();
    else this.start(false);
  }

  // Show the training that went on while another tab, or the page in another language, was shown.
  goOn() {
    this.askCommand();
    const { newest } = session.current;
    if (!newest) {
      this.bar.tell(t("starting ..."));
      return;
    }
    this.begin(newest);
    this.draw(newest);
  }

  // Own points get a file to stay when their command is copied.
  commandBox() {
    const box = commandBox();
    const keep = () => guarded(() => post("playground/command", { state: this.forServer(), keep: true }));
    box.querySelector("button").addEventListener("click", keep);
    box.addEventListener("copy", keep);
    const set = box.set;
    box.set = (text) => {
      const isLacking = this.state.data === "own" && isLackingPoints(this.state.own);
      set(text);
      box.querySelector("button").disabled = !text;
      box.querySelector("code").dataset.empty = isLacking ? t("It comes as soon as there are enough points.") : "";
    };
    return box;
  }

  forServer() {
    const { preset, own, names, ...rest } = this.state;
    return { ...rest, ...(rest.data === "own" ? { own, names } : { own: [] }) };
  }

  // Change a part of the state; while a point is dragged (isDone false) nothing begins.
  change(part, isDone = true) {
    this.state = { ...this.state, ...part };
    if (part.data === "own") this.state.preset = ""; // no lesson is about own points
    this.playsNext ||= session.isPlaying;
    this.clearTimer();
    if (!isDone) return;
    this.update("hidden" in part || "own" in part || "data" in part);
    this.timer = setTimeout(() => this.start(this.playsNext), WAIT);
  }

  choose(id) {
    this.state = id ? presetState(id, this.about, this.state.own, this.state.names) : { ...this.state, preset: "" };
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
    if (isNewNetwork) this.buildNetwork();
  }

  // The network before the training tells its classes.
  buildNetwork() {
    const { data, own, names } = this.state;
    const colors = data === "own" ? [...new Set(own.map((point) => point[2]))].sort() : [];
    const labels = labelsOf(names, this.about.colors.length);
    this.network.build(colors.map((color) => ({ name: labels[color], color })));
  }

  // Begin anew with what the state says.
  start(isPlaying) {
    this.clearTimer();
    this.playsNext = false;
    this.curves.clear();
    this.data.update();
    const { state } = this;
    const isOwn = state.data === "own";
    if (isOwn && isLackingPoints(state.own)) {
      this.stop();
      return;
    }
    this.bar.tell(t("starting ..."));
    session.state = state;
    session.start(this.forServer(), isOwn ? planeOf(state.own) : null, isPlaying);
    this.askCommand();
  }

  askCommand() {
    const { state } = this;
    post("playground/command", { state: this.forServer() })
      .then(({ command }) => { if (this.state === state) this.command.set(command); }, () => {}); // fail() tells why
  }

  stop() {
    session.end();
    session.setPlaying(false);
    this.data.clear();
    this.buildNetwork();
    this.bar.tell("");
  }

  fail(message) {
    this.data.setProblem(message);
    this.bar.tell("");
  }

  // Every event; the first one of a training also has its points and classes.
  take(event) {
    if (event.grid) this.begin(event);
  }

  begin(event) {
    const isOwn = this.state.data === "own"; // whose names are the user's own
    const classes = event.classes.map((one) => (isOwn ? one : { ...one, name: t(SHOWN_NAMES[one.name] ?? one.name) }));
    this.data.begin({ ...event, classes });
    this.network.build(classes);
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

  clearTimer() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  // The training goes on, with what was changed last.
  end() {
    if (this.timer) this.start(this.playsNext);
    document.removeEventListener("theme", this.recolor);
    session.leave();
    for (const part of [this.data, this.network, this.curves]) part.end();
  }
}
