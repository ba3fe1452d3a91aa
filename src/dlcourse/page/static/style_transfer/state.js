// What is chosen in the style-transfer tab: images, settings, masks. They outlive a change of the tab or the language.

import { post, upload } from "../api.js";
import { tell } from "../dom.js";
import { t } from "../words.js";
import { Mask } from "./mask.js";

export const RANGES = {
  content_size: [128, 1024], style_size: [64, 1024], content_weight: [0, 1e6], steps: [1, 5000], seed: [0, 2 ** 31 - 1],
};
export const FAST = { strength: [0, 1, 0.8], grain: [0, 3, 0.5] }; // ranges and defaults, as of dlcourse stylize
export const gallery = new Map(); // key -> {key, image, size, file, and builtin or upload}
export const masks = { content: new Mask(), regions: new Map() }; // regions: key of a style -> Mask
export const chosen = {
  preset: "offline", content: "seascape", styles: [{ key: "painting", weight: 1 }], split: 0.3,
  strength: FAST.strength[2], grain: FAST.grain[2],
  content_size: null, style_size: null, colors: null, content_weight: null, steps: null, init: null, seed: null,
};
const rest = { others: [], mask: null }; // the mask of all that the others leave
export let about = null; // the server's description of what there is

const keyOf = (image) => ("upload" in image ? `upload ${image.upload}` : image.builtin);

function keep(image) {
  const key = keyOf(image);
  gallery.set(key, { ...image, key });
  return key;
}

// Ask the server what there is; then take over the state of a link as far as it is possible.
export async function load(state) {
  about = await post("style_transfer");
  about.images.forEach(keep);
  if (state && JSON.stringify(state) !== JSON.stringify(stateOf())) await restore(state);
}

// Take a new upload, the server's answer, into the gallery; returns its key.
export const takeUpload = (answer) => keep(answer);

// The value in use: what was set, or the preset's own.
export function value(name) {
  return chosen[name] ?? about.presets.find((one) => one.name === chosen.preset)[name];
}

export function mask(key) {
  if (!masks.regions.has(key)) masks.regions.set(key, new Mask());
  return masks.regions.get(key);
}

// A name for people: of a file, without its ending.
export const nameOf = (key) => {
  const { builtin, name, file } = gallery.get(key);
  return builtin ?? (name ?? file).replace(/\.\w+$/, "");
};

// The name of a file to save: CONTENT_STYLE.png, in plain letters.
export function fileName(names) {
  const plain = (name) => name.normalize("NFD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "") || "image";
  return `${names.map(plain).join("_").slice(0, 100)}.png`;
}

export const sizeOfContent = () => gallery.get(chosen.content).size;

const reference = (key) => {
  const { builtin, upload: number, file } = gallery.get(key);
  return builtin ? { builtin } : { upload: number, file };
};

// What a link keeps.
export function stateOf() {
  const settings = Object.fromEntries(Object.keys(RANGES).concat("colors", "init")
    .map((name) => [name, chosen[name]]).filter(([, one]) => one !== null));
  const styles = chosen.styles.map(({ key, weight }) => ({ ...reference(key), weight, region: mask(key).reference() }));
  return {
    preset: chosen.preset, strength: chosen.strength, grain: chosen.grain, content: reference(chosen.content), styles,
    ...settings, content_mask: masks.content.reference(),
  };
}

// A request: the images, the masks that are painted, and the settings that are not the preset's own.
export async function request() {
  const number = masks.content.isEmpty ? null : await numberOf(masks.content);
  return { ...stateOf(), regions: await regions(), content_mask: number };
}

// The same for the network that paints at once, whose sizes and colours are those of the preset, too.
export async function fastRequest() {
  const sizes = Object.fromEntries(["content_size", "style_size", "colors"].map((name) => [name, value(name)]));
  return { ...(await request()), ...sizes };
}

// The numbers of the masks of the styles; one that has none is painted where the others are not.
async function regions() {
  const own = chosen.styles.map(({ key }) => mask(key));
  const painted = own.filter((one) => !one.isEmpty);
  if (!painted.length) return [];
  if (rest.others.length !== painted.length || painted.some((one, index) => one.content !== rest.others[index])) {
    Object.assign(rest, { others: painted.map((one) => one.content), mask: Mask.inverseOf(painted) });
  }
  return Promise.all(own.map((one) => numberOf(one.isEmpty ? rest.mask : one)));
}

// The number of a mask among the uploads; it is sent only if it has changed.
function numberOf(one) {
  one.sent ??= one.blob().then((blob) => upload(new File([blob], "mask.png", { type: "image/png" })));
  one.sent.catch(() => { one.sent = null; });
  return one.sent.then((answer) => {
    one.answer = answer;
    return answer.upload;
  });
}

// --- the state of a link ---

const within = (number, [low, high]) => (Number.isFinite(number) && number >= low && number <= high ? number : null);

async function restore(state) {
  const listed = Array.isArray(state.styles) ? state.styles.filter(isReference) : [];
  const images = [state.content, ...listed].filter(isReference);
  const painted = [state.content_mask, ...listed.map((one) => one.region)].filter(isReference);
  const numbers = [...images, ...painted].map((one) => one.upload).filter(Number.isInteger);
  const there = (await post("style_transfer/uploads", { uploads: [...new Set(numbers)].slice(0, 50) })).images;
  const find = (one) => there.find((image) => image.upload === one.upload && image.file === one.file);
  for (const one of images) if ("upload" in one && find(one)) keep(find(one));
  const isKnown = (one) => isReference(one) && ("upload" in one ? Boolean(find(one)) : gallery.has(one.builtin));
  if (![...images, ...painted].every(isKnown)) tell(t("images of this link are gone; built-in ones stand for them"));
  if (isKnown(state.content)) chosen.content = keyOf(state.content);
  const styles = listed.filter(isKnown).slice(0, about.most_styles);
  const weighted = (one) => ({ key: keyOf(one), weight: within(one.weight, [0.01, 100]) ?? 1 });
  if (styles.length) chosen.styles = styles.map(weighted);
  for (const one of styles) await mask(keyOf(one)).take(isKnown(one.region) ? find(one.region) : null);
  await masks.content.take(isKnown(state.content_mask) ? find(state.content_mask) : null);
  restoreSettings(state);
}

function restoreSettings(state) {
  if (about.presets.some(({ name }) => name === state.preset)) chosen.preset = state.preset;
  for (const name of Object.keys(RANGES)) chosen[name] = within(state[name], RANGES[name]);
  for (const name of ["content_size", "style_size", "steps", "seed"]) chosen[name] &&= Math.round(chosen[name]);
  chosen.colors = about.colors.includes(state.colors) ? state.colors : null;
  chosen.init = about.inits.includes(state.init) ? state.init : null;
  for (const [name, range] of Object.entries(FAST)) chosen[name] = within(state[name], range) ?? range[2];
}

function isReference(one) {
  return one !== null && typeof one === "object" && ("upload" in one || typeof one.builtin === "string");
}
