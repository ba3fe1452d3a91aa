// Colours of activations and weights, and bytes from the server as pictures.

const NEGATIVE = [213, 94, 0];
const POSITIVE = [0, 114, 178];
const NEGATIVE_ON_DARK = [255, 143, 63];
const POSITIVE_ON_DARK = [86, 180, 233];

let table = [];

// The colours of the theme; call it again when that changes.
export function chooseColors() {
  const isDark = document.documentElement.dataset.theme === "dark";
  const [negative, positive] = isDark ? [NEGATIVE_ON_DARK, POSITIVE_ON_DARK] : [NEGATIVE, POSITIVE];
  const neutral = isDark ? [34, 39, 47] : [244, 245, 247];
  table = Array.from({ length: 256 }, (_, byte) => {
    const share = byte / 127.5 - 1;
    const end = share < 0 ? negative : positive;
    return neutral.map((value, index) => value + Math.abs(share) * (end[index] - value));
  });
}

// The colour of a value in [-1, 1], as CSS.
export function signColor(value) {
  const [red, green, blue] = table[Math.round(127.5 * (1 + Math.max(-1, Math.min(1, value))))].map(Math.round);
  return `rgb(${red} ${green} ${blue})`;
}

export function variable(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

export function bytesOf(text) { return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); }

// Draw bytes on a canvas of size x size pixels: three of each pixel are its colour, one of each a value by sign.
export function drawBytes(canvas, bytes, size) {
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const image = new ImageData(size, size);
  const isColored = bytes.length === 3 * size * size;
  for (let pixel = 0; pixel < size * size; pixel++) {
    const color = isColored ? bytes.subarray(3 * pixel, 3 * pixel + 3) : table[bytes[pixel]];
    image.data.set(color, 4 * pixel);
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// A canvas's context with as many pixels as the screen shows, cleared; and its width and height in CSS pixels.
export function prepared(canvas) {
  const scale = Math.min(2, window.devicePixelRatio || 1);
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}
