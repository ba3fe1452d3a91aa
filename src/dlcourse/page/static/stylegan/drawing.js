// Requests for images, one at a time: while one is out, only the newest state waits for its turn.

import { postForBlob } from "../api.js";

export class Drawer {
  constructor(signal) {
    this.signal = signal; // ends everything
    this.isBusy = false;
    this.next = null; // the newest state of the large image
    this.waiting = []; // small images, drawn when there is nothing else to do
  }

  // The large image of a state, an ImageBitmap; null if a newer state came before its turn.
  newest(state, preview) {
    this.next?.resolve(null);
    return new Promise((resolve, reject) => {
      this.next = { body: { state, preview }, resolve, reject };
      this.work();
    });
  }

  // A small image of a state; null if its group was dropped, or if it fails: the large image tells why.
  small(state, group) {
    return new Promise((resolve) => {
      this.waiting.push({ body: { state, preview: true }, resolve, reject: () => resolve(null), group });
      this.work();
    });
  }

  // Forget the small images of a group that have not been begun.
  drop(group) {
    this.waiting.filter((one) => one.group === group).forEach((one) => one.resolve(null));
    this.waiting = this.waiting.filter((one) => one.group !== group);
  }

  async work() {
    const task = this.isBusy || this.signal.aborted ? null : this.next ?? this.waiting.shift();
    if (!task) return;
    if (task === this.next) this.next = null;
    this.isBusy = true;
    try {
      task.resolve(await createImageBitmap(await postForBlob("stylegan/image", task.body, this.signal)));
    } catch (error) {
      task.reject(error);
    }
    this.isBusy = false;
    this.work();
  }
}

// Put an image on a canvas; with `size`, no larger than so many pixels per side.
export function paint(canvas, bitmap, size = Infinity) {
  const side = Math.min(size, bitmap.width);
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, side, side);
}
