// The plane: the decision map, and the points on it.

import { h } from "../dom.js";
import { t } from "../words.js";
import { bytesOf, drawBytes, prepared, variable } from "./colors.js";
import { round } from "./state.js";

const OWN_HELP = "own points: arrows move the cursor, Enter sets a point, Delete erases, 1-6 choose a class";

export class Plane {
  // colors: of the classes; own(): the user's own points.
  constructor(colors, own) {
    Object.assign(this, { colors, own, bounds: [-1, 1, -1, 1], train: [], dev: [], isOwn: false, showsDev: true });
    this.event = null; // the newest of the training
    this.unit = null; // {layer, unit} whose activation is shown instead of the classes
    this.cursor = null; // [x, y, class] of the keyboard
    this.map = h("canvas", { class: "pg-map", width: 1, height: 1 });
    this.canvas = h("canvas", { class: "pg-points", role: "img" });
    this.element = h("div", { class: "pg-plane" }, this.map, this.canvas);
    this.observer = new ResizeObserver(() => this.drawPoints());
    this.observer.observe(this.canvas);
  }

  end() { this.observer.disconnect(); }

  toScreen([x, y]) {
    const [left, right, bottom, top] = this.bounds;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return [(x - left) / (right - left) * width, (top - y) / (top - bottom) * height];
  }

  // The place under a pixel; the nearest one on the border for pixels outside.
  toPlane(x, y) {
    const [left, right, bottom, top] = this.bounds;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const inside = (value, low, high) => Math.min(high, Math.max(low, value));
    return [round(inside(left + x / width * (right - left), left, right)),
      round(inside(top - y / height * (top - bottom), bottom, top))];
  }

  // Whether the user sets the points.
  setOwn(isOwn) {
    this.isOwn = isOwn;
    this.element.classList.toggle("own", isOwn);
    if (isOwn) this.canvas.setAttribute("tabindex", 0);
    else this.canvas.removeAttribute("tabindex");
    this.canvas.setAttribute("aria-label", t(isOwn ? OWN_HELP : "the points and the decision map"));
  }

  clear() {
    this.event = null;
    this.train = this.dev = [];
    this.drawMap();
    this.drawPoints();
  }

  // The points, and the keyboard's cursor.
  drawPoints() {
    const { pen } = prepared(this.canvas);
    if (this.isOwn) this.drawOwn(pen);
    else {
      if (this.showsDev) this.dev.forEach((point) => this.drawPoint(pen, point, true));
      this.train.forEach((point) => this.drawPoint(pen, point, false));
    }
    if (!this.cursor || !this.isOwn || document.activeElement !== this.canvas) return;
    const [x, y] = this.toScreen(this.cursor);
    pen.strokeStyle = variable("--text");
    pen.lineWidth = 1.5;
    pen.strokeRect(x - 6, y - 6, 12, 12);
    this.drawPoint(pen, this.cursor, true);
  }

  // Own points; once there is a training, its dev points are hollow, and its test points are crosses.
  drawOwn(pen) {
    const key = (point) => point.slice(0, 2).map((value) => round(value, 5)).join();
    const [trained, dev] = [new Set(this.train.map(key)), new Set(this.dev.map(key))];
    for (const point of this.own()) {
      const isHollow = trained.size > 0 && !trained.has(key(point));
      if (!isHollow) this.drawPoint(pen, point, false);
      else if (this.showsDev) this.drawPoint(pen, point, true, !dev.has(key(point)));
    }
  }

  // A disc; or hollow, or a cross, both with a white outline, so that they are seen on their own colour.
  drawPoint(pen, point, isHollow, isCross = false) {
    const [x, y] = this.toScreen(point);
    pen.beginPath();
    if (isCross) {
      for (const side of [-1, 1]) {
        pen.moveTo(x - 3.2, y - 3.2 * side);
        pen.lineTo(x + 3.2, y + 3.2 * side);
      }
    } else pen.arc(x, y, isHollow ? 2.8 : 3.6, 0, 2 * Math.PI);
    pen.fillStyle = this.colors[point[2]];
    if (!isHollow) pen.fill();
    pen.strokeStyle = isHollow ? "#ffffffb0" : "#fff";
    pen.lineWidth = isHollow ? 2.8 : 1;
    pen.stroke();
    if (!isHollow) return;
    pen.strokeStyle = this.colors[point[2]];
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  // The decision map, or the unit that is pointed at.
  drawMap() {
    const { event, unit, map } = this;
    if (!event) {
      map.width = map.height = 1;
      return;
    }
    const size = event.thin ** 2;
    const units = unit && event.units[unit.layer] ? bytesOf(event.units[unit.layer]) : [];
    const isThere = unit !== null && units.length >= (unit.unit + 1) * size;
    map.classList.toggle("of-unit", isThere);
    if (isThere) drawBytes(map, units.subarray(unit.unit * size, (unit.unit + 1) * size), event.thin);
    else drawBytes(map, bytesOf(event.map), event.grid);
  }
}
