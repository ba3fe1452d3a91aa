// Own points set, moved and erased on the plane, by mouse, finger or keyboard.

import { round } from "./state.js";

const NEAR = 9; // pixels from the pointer to a point that it means
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const [FAR, STEP] = [30, 6]; // pixels that a key moves the cursor, with and without shift

export class Pointer {
  // tools: { points(), change(points, isDone), color(), setColor(number), isErasing(), most }.
  constructor(plane, tools) {
    Object.assign(this, { plane, tools, dragged: -1, isErasing: false });
    const { canvas } = plane;
    const listen = (name, handler) => canvas.addEventListener(name, (event) => { if (plane.isOwn) handler(event); });
    listen("pointerdown", (event) => this.down(event));
    listen("pointermove", (event) => this.move(event));
    listen("pointerup", () => this.up());
    listen("pointercancel", () => this.up());
    listen("contextmenu", (event) => event.preventDefault());
    listen("keydown", (event) => this.key(event));
    listen("focus", () => plane.drawPoints());
    listen("blur", () => plane.drawPoints());
  }

  down(event) {
    const { plane, tools } = this;
    plane.canvas.setPointerCapture(event.pointerId);
    plane.cursor = null;
    this.isErasing = event.button === 2 || tools.isErasing();
    const index = this.nearest(event.offsetX, event.offsetY);
    if (this.isErasing) this.erase(index);
    else if (event.button === 0) {
      const isNew = index < 0 && this.add(plane.toPlane(event.offsetX, event.offsetY));
      this.dragged = isNew ? tools.points().length - 1 : index;
    }
  }

  move(event) {
    if (!event.buttons) return;
    if (this.isErasing) this.erase(this.nearest(event.offsetX, event.offsetY));
    if (this.dragged < 0) return;
    const place = this.plane.toPlane(event.offsetX, event.offsetY);
    this.change(this.tools.points().map((point, index) => (index === this.dragged ? [...place, point[2]] : point)));
  }

  up() {
    if (this.dragged >= 0 || this.isErasing) this.done();
    this.dragged = -1;
    this.isErasing = false;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { plane, tools } = this;
    const [left, right, bottom, top] = plane.bounds;
    const at = plane.cursor || [round((left + right) / 2), round((bottom + top) / 2)];
    const [x, y] = plane.toScreen(at);
    const [across, up] = MOVES[event.key] || [0, 0];
    const number = Number(event.key) - 1;
    if (across || up) {
      const far = event.shiftKey ? FAR : STEP;
      at.splice(0, 2, ...plane.toPlane(x + far * across, y - far * up));
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.add(at.slice(0, 2))) this.done();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.erase(this.nearest(x, y, 2 * NEAR));
      this.done();
    } else if (number >= 0 && number < plane.colors.length) tools.setColor(number);
    else return;
    event.preventDefault();
    plane.cursor = [...at.slice(0, 2), tools.color()];
    plane.drawPoints();
  }

  // The number of the own point that is meant, or -1.
  nearest(x, y, within = NEAR) {
    const far = this.tools.points().map((point) => {
      const [left, top] = this.plane.toScreen(point);
      return Math.hypot(left - x, top - y);
    });
    const index = far.reduce((best, distance, one) => (distance < far[best] ? one : best), 0);
    return far.length && far[index] <= within ? index : -1;
  }

  // Add a point, unless there are too many; whether there is room.
  add(place) {
    const { points, color, most } = this.tools;
    const hasRoom = points().length < most;
    if (hasRoom) this.change([...points(), [...place, color()]]);
    return hasRoom;
  }

  erase(index) { if (index >= 0) this.change(this.tools.points().filter((_, one) => one !== index)); }

  change(points) {
    this.plane.train = []; // which of them are trained on is open again
    this.tools.change(points, false);
    this.plane.drawPoints();
  }

  done() {
    this.tools.change(this.tools.points(), true);
    this.plane.drawPoints();
  }
}
