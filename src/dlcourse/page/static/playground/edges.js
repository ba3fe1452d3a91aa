// The edges of the network's drawing, as thick as their weights.

import { h } from "../dom.js";
import { prepared, signColor } from "./colors.js";

const NEAR = 6; // pixels from the pointer to an edge that it means

export class Edges {
  constructor() {
    this.canvas = h("canvas", { class: "pg-edges", "aria-hidden": "true" });
    this.centers = []; // for each column [x, y, half of the width] of its units
    this.lines = []; // {x1, y1, x2, y2, weight, layer, from, to}
  }

  // Draw matrices of weights, one for each pair of neighbouring columns.
  draw(matrices) {
    const { pen } = prepared(this.canvas);
    this.lines = matrices.flatMap((matrix, layer) => matrix.flatMap((row, to) => row.map((weight, from) => {
      const [start, end] = [this.centers[layer]?.[from], this.centers[layer + 1]?.[to]];
      if (!start || !end || weight === null) return null;
      return { x1: start[0] + start[2], y1: start[1], x2: end[0] - end[2], y2: end[1], weight, layer, from, to };
    }))).filter(Boolean);
    for (const { x1, y1, x2, y2, weight } of this.lines) {
      const strength = Math.tanh(Math.abs(weight) / 2);
      const middle = (x1 + x2) / 2;
      pen.strokeStyle = signColor(Math.sign(weight) * (0.25 + 0.75 * strength));
      pen.lineWidth = 0.4 + 5 * strength;
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.bezierCurveTo(middle, y1, middle, y2, x2, y2);
      pen.stroke();
    }
  }

  // The edge near a place, or null.
  at(x, y) {
    let [best, least] = [null, NEAR];
    for (const line of this.lines) {
      const share = (x - line.x1) / (line.x2 - line.x1);
      const far = share < 0 || share > 1 ? Infinity : Math.abs(y - heightAt(line, share));
      if (far <= least) [best, least] = [line, far];
    }
    return best;
  }
}

// The height of an edge, a Bezier curve with horizontal ends, at a share of its width. Three steps of Newton's method
// find the curve's parameter there.
function heightAt({ y1, y2 }, share) {
  let parameter = share;
  const across = (p) => 1.5 * p * (1 - p) + p ** 3;
  for (let step = 0; step < 3; step++) {
    parameter -= (across(parameter) - share) / (1.5 - 3 * parameter + 3 * parameter ** 2);
  }
  return y1 + (y2 - y1) * (3 * parameter ** 2 - 2 * parameter ** 3);
}
