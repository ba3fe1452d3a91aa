// The state that is shown, its image, and the way back: undo, redo and the images so far.
//
// Widgets call change() while something moves. When it rests, settle() draws the full image, makes a step of undo, and
// saves the state. A session goes on where the one before it was, if it is given one. Listeners: "state" after each
// change, "image" for each image that comes, "rest" when it rests.

import { tell } from "../dom.js";
import { paint, Drawer } from "./drawing.js";
import { drawn, lastOf, same } from "./state.js";

const REST = 80; // milliseconds without a change after which the full image is drawn
const HELD = 400; // the same while a pointer is pressed; and without one, until it is a step of undo
const MOST_STEPS = 200;
const MOST_SEEN = 40;
const THUMBNAIL = 128; // pixels

export class Session {
  constructor(about, state, saveState, signal, before = null) {
    this.about = about;
    this.state = state;
    this.saveState = saveState;
    this.drawer = new Drawer(signal);
    this.past = before?.past ?? [state];
    this.future = before?.future ?? [];
    this.seen = before?.seen ?? []; // {state, key, canvas}, the newest last
    this.broods = before?.broods ?? new Map(); // the nine children of each state: its key -> their changes
    this.listeners = { state: [], image: [], rest: [] };
    this.isHeld = false; // a pointer is pressed
    this.isTwofold = about.halvings > 0 || about.resolution > 256; // a fast image is not yet the full one
    this.fullKey = null; // of the full image that is shown or asked for
    this.shown = null; // the last image, {key, bitmap}
    this.restedState = null;
    signal.addEventListener("abort", () => this.stopTimers());
  }

  on(kind, listener) { this.listeners[kind].push(listener); }
  tellAll(kind, ...values) { this.listeners[kind].forEach((listener) => listener(...values)); }

  // Change parts of the state, now; settle() or a moment of rest makes it a step of undo.
  change(patch) {
    this.state = { ...this.state, ...patch };
    this.tellAll("state");
    this.draw(this.isTwofold);
    this.stopTimers();
    this.timers = [
      setTimeout(() => this.draw(false), this.isHeld ? HELD : REST),
      setTimeout(() => this.isHeld || this.settle(), HELD),
    ];
  }

  // Change it in one step of undo.
  set(patch) {
    this.change(patch);
    this.settle();
  }

  stopTimers() { (this.timers ?? []).forEach(clearTimeout); }

  press() { this.isHeld = true; }
  release() {
    this.isHeld = false;
    this.settle();
  }

  settle() {
    this.stopTimers();
    if (this.isTwofold) this.timers = [setTimeout(() => this.draw(false), REST)];
    else this.draw(false);
    if (!same(this.state, lastOf(this.past))) {
      this.past = [...this.past.slice(1 - MOST_STEPS), this.state];
      this.future = [];
    }
    if (same(this.state, this.restedState)) return;
    this.restedState = this.state;
    this.remember();
    this.saveState(this.state);
    this.tellAll("rest");
  }

  undo() {
    this.settle();
    if (this.past.length < 2) return;
    this.future.push(this.past.pop());
    this.set(lastOf(this.past));
  }

  redo() {
    this.settle();
    if (!this.future.length) return;
    const future = this.future.slice(0, -1);
    this.set(lastOf(this.future));
    this.future = future;
    this.tellAll("state");
  }

  async draw(preview) {
    const state = drawn(this.state), key = JSON.stringify(state);
    if (key === this.fullKey) return;
    this.fullKey = preview ? null : key;
    try {
      const bitmap = await this.drawer.newest(state, preview);
      if (!bitmap) return;
      this.shown = { key, bitmap };
      this.tellAll("image", bitmap);
      this.remember();
    } catch (error) {
      this.fullKey = null;
      if (error.name !== "AbortError") this.complain(error.message);
    }
  }

  // Tell an error, but not again and again while a brush moves.
  complain(message) {
    if (message !== this.lastError || Date.now() - this.lastTold > 8000) tell(message, "error");
    [this.lastError, this.lastTold] = [message, Date.now()];
  }

  // Keep a small copy of the image if it is that of a state that rests, and new.
  remember() {
    const key = JSON.stringify(drawn(this.state));
    const isShown = key === this.shown?.key && same(this.state, this.restedState);
    if (!isShown || this.seen.some((one) => one.key === key)) return;
    const canvas = document.createElement("canvas");
    paint(canvas, this.shown.bitmap, THUMBNAIL);
    this.seen = [...this.seen.slice(1 - MOST_SEEN), { state: this.state, key, canvas }];
    this.tellAll("state");
  }
}
