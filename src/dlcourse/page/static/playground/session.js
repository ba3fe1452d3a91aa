// The training on the server: start, orders, events. It goes on while another tab is shown, and ends with the page.

import { job, post } from "../api.js";
import { History } from "./history.js";

const MOST_RANDOM = 2 ** 50;
const NOBODY = { onevent: () => {}, ondraw: () => {}, onstatus: () => {}, onfailure: () => {} };

export class Session {
  // onevent(event) is called for each event, ondraw(event) before the next frame with the newest one (what only the
  // first event has is still in it), onstatus() when playing begins or ends, onfailure(text) with the server's message.
  constructor() {
    this.current = null;
    this.isPlaying = false;
    this.speed = 0; // steps a second; 0: no limit
    this.history = new History(); // of the training, for the curves
    this.state = null; // the page's state when it began
    this.leave();
  }

  // From now on these handlers are called.
  attach(handlers) { Object.assign(this, handlers); }

  // The tab is not shown any more: the training goes on without anybody who looks.
  leave() { this.attach(NOBODY); }

  // Begin anew with a state; the training before ends.
  start(state, plane, isPlaying) {
    this.end();
    const current = { training: Math.floor(Math.random() * MOST_RANDOM), abort: new AbortController(), newest: null };
    Object.assign(current, { isOn: false, isOver: false, isAsked: isPlaying, frame: 0 });
    this.current = current;
    this.history.clear();
    this.setPlaying(isPlaying);
    const body = { state, plane, training: current.training, paused: !isPlaying, speed: this.speed };
    job("playground/train", body, (event) => this.take(current, event), current.abort.signal)
      .then(() => this.over(current, current.isOver ? "" : "another page trains now; press reset"))
      .catch((error) => { if (error.name !== "AbortError") this.over(current, error.message); });
  }

  take(current, event) {
    if (this.current !== current) return;
    current.newest = { ...current.newest, ...event };
    if (!current.isOn) {
      current.isOn = true;
      if (this.isPlaying !== current.isAsked) this.order(this.isPlaying ? "play" : "pause");
    }
    if (event.is_last) {
      current.isOver = true;
      this.setPlaying(false);
    }
    this.history.add(event);
    this.onevent(event);
    current.frame ||= requestAnimationFrame(() => {
      current.frame = 0;
      if (this.current === current) this.ondraw(current.newest);
    });
  }

  over(current, message) {
    if (this.current !== current) return;
    current.isOn = false;
    if (!current.isOver) this.current = null;
    this.setPlaying(false);
    if (message) this.onfailure(message);
  }

  // Whether there is a training that can go on.
  get canGoOn() { return this.current !== null && !this.current.isOver; }

  play() { this.setPlaying(true); this.order("play"); }

  pause() { this.setPlaying(false); this.order("pause"); }

  step() { this.setPlaying(false); this.order("step"); }

  setSpeed(speed) {
    this.speed = speed;
    this.send({ speed });
  }

  order(order) { this.send({ order }); }

  // Orders before the first event are not heard; take() makes up for them.
  send(order) {
    const { current } = this;
    if (current?.isOn && !current.isOver) {
      post("playground/order", { training: current.training, ...order })
        .catch((error) => this.onfailure(error.message));
    }
  }

  setPlaying(isPlaying) {
    this.isPlaying = isPlaying;
    this.onstatus();
  }

  // End the training.
  end() {
    const { current } = this;
    this.order("stop");
    this.current = null;
    if (current) {
      cancelAnimationFrame(current.frame);
      current.abort.abort();
    }
  }
}
