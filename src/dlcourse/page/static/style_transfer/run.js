// A painting by gradient descent: the job, and what is known of it. It goes on while another tab is shown, and ends
// with the page.

import { job, post } from "../api.js";
import { t } from "../words.js";

const STRIP = 8; // images at most of how it came about
const DECADES = 4; // of the losses that the curves show
const LEFT = 46; // pixels beside the curves

// state: idle, on, paused, stopping, stopped, done or failed
export const run = { state: "idle" };
export const changes = new EventTarget();

const change = () => changes.dispatchEvent(new Event("change"));
export const isOn = () => ["on", "paused", "stopping"].includes(run.state);

// Leaving the page would stop it: let the browser ask.
addEventListener("beforeunload", (event) => { if (isOn()) event.preventDefault(); });

// "seascape in painting"
export const title = () => t("{content} in {style}", {
  content: t(run.content ?? ""), style: (run.styles ?? []).map((name) => t(name)).join(" + "),
});

const fresh = () => ({
  number: null, folder: "", command: "", content: "", styles: [], step: 0, total: 0, rate: null, left: null, size: null,
  image: null, points: [], strip: [], every: 1, seen: 0, before: null, blended: null, luminance: 1, color: 1,
});

// Begin a painting; before is the URL of its content.
export function start(request, before) {
  Object.assign(run, fresh(), { state: "on", isWaiting: true, before });
  return follow("style_transfer/paint", request);
}

// After the page was loaded anew: take over the last of so many runs that has an image, once its job has ended;
// returns whether there is one.
let isRecalling = false;
export async function recall(count) {
  if (isRecalling || run.state !== "idle") return false;
  isRecalling = true;
  try {
    for (let number = count - 1, tries = 0; number >= 0 && tries < 40; tries++) {
      const { run: _, is_on: isBusy, ...found } = await post("style_transfer/run", { run: number });
      if (run.state !== "idle") return false; // another one was begun meanwhile
      if (isBusy) {
        await new Promise((resolve) => { setTimeout(resolve, 400); });
      } else if (!found.image) {
        number -= 1;
      } else {
        const state = found.step < found.total ? "stopped" : "done";
        Object.assign(run, fresh(), found, { number, state });
        change();
        return true;
      }
    }
    return false;
  } finally {
    isRecalling = false;
  }
}

// Go on with the one that was stopped.
export function goOn() {
  Object.assign(run, { state: "on", isWaiting: true, blended: null, luminance: 1, color: 1, rate: null, left: null });
  return follow("style_transfer/go_on", { run: run.number });
}

// "pause", "play" or "stop".
export async function order(word) {
  await post("style_transfer/order", { order: word });
  if (isOn()) run.state = { pause: "paused", play: "on", stop: "stopping" }[word];
  change();
}

async function follow(name, request) {
  change();
  try {
    await job(name, request, take);
    run.state = run.step >= run.total ? "done" : "stopped";
  } catch (error) {
    run.state = run.step ? "stopped" : "failed";
    throw error;
  } finally {
    run.rate = run.left = null;
    change();
  }
}

function take(event) {
  if ("run" in event) {
    const { run: number, ...about } = event;
    Object.assign(run, { number, ...about });
  }
  if (!event.image) return change(); // the first one, or the last one
  const { step, total, rate = null, left = null, image, points, values: { size } } = event;
  Object.assign(run, { step, total, rate, left, size, image, isWaiting: false });
  run.points.push(...points);
  keepInStrip(step, image);
  change();
}

// Every image first; when there are too many, every other one is left out, and from then on half as many come.
function keepInStrip(step, image) {
  if (run.strip.at(-1)?.step === step) run.strip.pop(); // the best one, at a stop
  if (run.seen++ % run.every === 0) run.strip.push({ step, image });
  if (run.strip.length <= STRIP) return;
  run.strip = run.strip.filter((_, index) => index % 2 === 0);
  run.every *= 2;
}

// Draw the loss and its parts on a canvas, each relative to its largest value, on a logarithmic scale.
export function drawCurves(canvas) {
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  if (!run.points?.length || !width) return;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const curves = [1, 2, 3].map((column) => {
    const largest = Math.max(...run.points.map((point) => point[column]));
    const positive = run.points.filter((point) => point[column] > 0);
    return positive.map((point) => [point[0], Math.log10(point[column] / largest)]);
  });
  const high = 0.1, low = Math.max(-DECADES, Math.min(-0.5, ...curves.flat().map(([, one]) => one)));
  const x = (step) => LEFT + (width - LEFT - 4) * (step / Math.max(run.total, 1));
  const y = (logarithm) => 6 + (height - 12) * (high - logarithm) / (high - low);
  context.fillStyle = style.getPropertyValue("--faint");
  context.font = "11px system-ui, sans-serif";
  for (let power = Math.ceil(low); power <= high; power++) {
    context.globalAlpha = 0.3;
    context.fillRect(LEFT, y(power), width, 1);
    context.globalAlpha = 1;
    context.fillText(String(Number(`1e${power}`)), 4, y(power) + 4);
  }
  context.rect(LEFT, 0, width, height);
  context.clip();
  ["--accent", "--coarse", "--middle"].forEach((name, index) => {
    context.strokeStyle = style.getPropertyValue(name);
    context.lineWidth = index ? 1.4 : 2.4;
    context.beginPath();
    curves[index].forEach(([step, value]) => context.lineTo(x(step), y(value)));
    context.stroke();
  });
}
