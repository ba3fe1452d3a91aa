// A mask, painted over the content: white where it counts.

import { h, slider } from "../dom.js";
import { t } from "../words.js";

const LONGEST = 384; // pixels on the longer side of a mask

export class Mask {
  constructor() {
    this.canvas = h("canvas", { width: 1, height: 1 });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.isEmpty = true;
    this.change();
  }

  // What was sent of it, a promise and then the server's answer, is out of date. `content` is another thing each time.
  change() {
    this.sent = this.answer = null;
    this.content = {};
  }

  // Fit the canvas to an image's [width, height]; what was painted is kept, scaled.
  fit([width, height]) {
    const scale = LONGEST / Math.max(width, height);
    const [w, high] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    if (this.canvas.width === w && this.canvas.height === high) return;
    const before = this.canvas;
    const copy = h("canvas", { width: before.width, height: before.height });
    copy.getContext("2d").drawImage(before, 0, 0);
    Object.assign(before, { width: w, height: high });
    if (!this.isEmpty) this.context.drawImage(copy, 0, 0, w, high);
    this.change();
  }

  // Draw a line from one point to another, [x, y] in 0 to 1, or erase there. `width` is relative to the longer side.
  line(from, to, width, erases) {
    const { context } = this;
    const place = ([x, y]) => [x * this.canvas.width, y * this.canvas.height];
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = context.fillStyle = "#fff";
    context.lineWidth = width * LONGEST;
    context.beginPath();
    context.moveTo(...place(from));
    context.lineTo(...place(to));
    context.stroke();
    context.beginPath();
    context.arc(...place(to), width * LONGEST / 2, 0, 7); // a line of no length is not drawn
    context.fill();
    this.isEmpty = false;
    this.change();
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.isEmpty = true;
    this.change();
  }

  // Find out whether anything is left of it.
  settle() {
    const { data } = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    this.isEmpty = !data.some((one, index) => index % 4 === 3 && one > 127);
  }

  // What a link says of it.
  reference() {
    return this.answer && !this.isEmpty ? { upload: this.answer.upload, file: this.answer.file } : null;
  }

  // Take over one that was sent before, the server's answer; nothing clears it.
  async take(answer) {
    if (!answer) {
      this.clear();
      return;
    }
    const image = new Image();
    image.src = answer.image;
    await image.decode();
    this.fit(answer.size);
    this.context.globalCompositeOperation = "copy";
    this.context.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
    const pixels = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    for (let index = 0; index < pixels.data.length; index += 4) {
      pixels.data[index + 3] = pixels.data[index];
      pixels.data.fill(255, index, index + 3);
    }
    this.context.putImageData(pixels, 0, 0);
    this.settle();
    Object.assign(this, { answer, sent: Promise.resolve(answer) });
  }

  // A PNG: white where it is painted, else black.
  blob() {
    const copy = h("canvas", { width: this.canvas.width, height: this.canvas.height });
    const context = copy.getContext("2d");
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.canvas, 0, 0);
    return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
  }

  // A mask of all that several others leave.
  static inverseOf(others) {
    const made = new Mask();
    Object.assign(made.canvas, { width: others[0].canvas.width, height: others[0].canvas.height });
    const { context } = made;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, made.canvas.width, made.canvas.height);
    context.globalCompositeOperation = "destination-out";
    others.forEach((one) => context.drawImage(one.canvas, 0, 0, made.canvas.width, made.canvas.height));
    made.isEmpty = false;
    return made;
  }
}

// A place to paint over an image. open(mask, image URL, [width, height], hint) shows a mask, begin() also takes the
// focus; onpainted() follows each stroke.
export function maskPainter(onpainted) {
  let mask = null, brush = 0.1, erases = false, last = null, isDown = false;
  const cursor = [0.5, 0.5]; // of the keyboard
  const image = h("img", { alt: "", draggable: "false" });
  const view = h("canvas", {
    tabindex: 0, role: "application",
    "aria-label": t("mask: paint with the mouse, or with the arrow keys and the space bar"),
  });
  const eraser = h("button", { "aria-pressed": "false", onclick: () => setErases(!erases) }, t("eraser"));
  const hint = h("small", { class: "st-hint" });
  const box = h("div", { class: "column" },
    h("div", { class: "st-masking" }, image, view), hint,
    h("div", { class: "row" },
      slider({ label: t("brush"), min: 0.02, max: 0.4, step: 0.01, value: brush,
        format: (x) => `${Math.round(100 * x)} %`, oninput: (next) => { brush = next; draw(); } }),
      eraser, h("button", { onclick: () => { mask.clear(); finish(); } }, t("clear"))));

  function setErases(next) {
    erases = next;
    eraser.setAttribute("aria-pressed", String(erases));
    eraser.classList.toggle("pressed", erases);
  }

  // The mask in a colour, and where the keyboard's brush is.
  function draw(showsCursor = document.activeElement === view) {
    const context = view.getContext("2d");
    context.globalCompositeOperation = "copy";
    context.drawImage(mask.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = getComputedStyle(view).color;
    context.fillRect(0, 0, view.width, view.height);
    if (!showsCursor) return;
    context.globalCompositeOperation = "source-over";
    context.strokeStyle = context.fillStyle;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(cursor[0] * view.width, cursor[1] * view.height, brush * LONGEST / 2, 0, 7);
    context.stroke();
  }

  function paint(point) {
    mask.line(last ?? point, point, brush, erases);
    last = point;
    draw();
  }

  function finish() {
    last = null;
    mask.settle();
    draw();
    onpainted();
  }

  const pointOf = (event) => {
    const { left, top, width, height } = view.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  };
  view.addEventListener("pointerdown", (event) => {
    isDown = true;
    view.setPointerCapture(event.pointerId);
    paint(pointOf(event));
  });
  view.addEventListener("pointermove", (event) => { if (isDown) paint(pointOf(event)); });
  for (const name of ["pointerup", "pointercancel"]) {
    view.addEventListener(name, () => { if (isDown) { isDown = false; finish(); } });
  }
  view.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    if (move) move.forEach((one, axis) => { cursor[axis] = Math.min(1, Math.max(0, cursor[axis] + one * brush / 3)); });
    if (event.key !== " ") return draw();
    paint([...cursor]);
    finish();
  });
  view.addEventListener("focus", () => draw(true));
  view.addEventListener("blur", () => draw(false));

  box.begin = () => view.focus();
  box.open = (next, url, size, text) => {
    mask = next;
    mask.fit(size);
    if (url) image.src = url;
    hint.textContent = text;
    Object.assign(view, { width: mask.canvas.width, height: mask.canvas.height });
    draw();
  };
  return box;
}
