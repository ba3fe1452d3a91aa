// The state of the StyleGAN tab, a plain object, and what can be done with it. Nothing here touches the page.
//
// {seeds: [A, earlier ones, ..., B], weights: a row of one weight per layer for each seed but A, psi, cutoff: layers or
// null for all, class: number or null, noise: "stored", "none" or a seed, noise_strength,
// edits: [[component, strength, first layer, layer behind the last], ...], at most one per component}.
// A seed is {seed: number}, or {latent: name} for what a projection has found. The image begins with A's w;
// each further seed is mixed in, one after the other: w = lerp(w, w of the seed, weight), layer by layer.

const MOST_SEEDS = 20;
const MOST_NAMES = 6; // of seeds in a file's name
export const LARGEST_SEED = Number.MAX_SAFE_INTEGER;
export const MOST_STRENGTH = 4; // of an edit, in standard deviations
export const ZONES = ["coarse", "middle", "fine"];
const FIRST_SEEDS = [28, 19]; // of the bundled faces, short hair and long

export const randomSeed = () => Math.floor(Math.random() * 1e6);
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
export const rounded = (value, digits = 2) => Number(value.toFixed(digits));
const isWhole = (value, low, high) => Number.isSafeInteger(value) && value >= low && value <= high;
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const number = (value, low, high, otherwise) => (isNumber(value) ? clamp(value, low, high) : otherwise);
const list = (value) => (Array.isArray(value) ? value : []);
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
export const lastOf = (items) => items[items.length - 1];

// The layers of each zone, name -> [first, behind the last]; a small network lacks some zones.
export function zonesOf(layers) {
  const zones = {};
  layers.forEach(({ range }, index) => { zones[range] = [zones[range]?.[0] ?? index, index + 1]; });
  return zones;
}

export const zeros = (count) => new Array(count).fill(0);
const rowOf = (count, [first, stop], value = 1) =>
  zeros(count).map((_, index) => (index >= first && index < stop ? value : 0));

// What the page begins with: A alone, so that the first brush, or the first button of a zone, shows what it does.
function firstState(about) {
  return {
    seeds: FIRST_SEEDS.map((seed) => ({ seed })),
    weights: [zeros(about.layers.length)],
    psi: 0.7, cutoff: null, class: about.classes ? 0 : null, noise: "stored", noise_strength: 1, edits: [],
  };
}

// A state that fits this network, from anything that a link may hold; what does not fit is replaced.
export function validState(given, about) {
  const usual = firstState(about);
  if (given === null || typeof given !== "object" || !Array.isArray(given.seeds)) return usual;
  const count = about.layers.length;
  const first = given.seeds.slice(0, MOST_SEEDS);
  const seeds = first.map((seed, index) => validSeed(seed, about) ?? usual.seeds[index && 1]);
  while (seeds.length < 2) seeds.push(usual.seeds[seeds.length]);
  const weights = seeds.slice(1).map((_, index) => validRow(list(given.weights)[index], count) ?? zeros(count));
  if (!list(given.weights).some((row) => validRow(row, count))) weights.splice(-1, 1, usual.weights[0]); // other layers
  const isOff = isWhole(given.cutoff, 0, count - 1);
  return pruned({
    ...usual, seeds, weights, edits: validEdits(given.edits, about),
    psi: number(given.psi, -1, 1.5, usual.psi),
    cutoff: isOff ? given.cutoff : null,
    class: about.classes ? (isWhole(given.class, 0, about.classes - 1) ? given.class : 0) : null,
    noise: given.noise === "none" || isWhole(given.noise, 0, LARGEST_SEED) ? given.noise : "stored",
    noise_strength: number(given.noise_strength, 0, 3, 1),
  });
}

function validSeed(seed, about) {
  if (isWhole(seed?.seed, 0, LARGEST_SEED)) return { seed: seed.seed };
  return about.latents.includes(latentOf(seed)) ? { latent: latentOf(seed) } : null;
}

// The name of a seed's latent; older links have {latent: number, name}.
const latentOf = (seed) => (typeof seed?.latent === "string" ? seed.latent : seed?.name);

// The latents of a link that are not here.
export function missingLatents(given, about) {
  const names = list(given?.seeds).slice(0, MOST_SEEDS).map(latentOf).filter((name) => typeof name === "string");
  return [...new Set(names)].filter((name) => !about.latents.includes(name)).map((name) => name.slice(0, 80));
}

function validRow(row, count) {
  const fits = Array.isArray(row) && row.length === count && row.every(isNumber);
  return fits ? row.map((weight) => rounded(clamp(weight, -1, 2))) : null;
}

function validEdits(edits, about) {
  const found = new Map();
  for (const edit of list(edits)) {
    const [component, strength, first, stop] = list(edit);
    const fits = isWhole(component, 0, about.components.length - 1) && isNumber(strength)
      && isWhole(first, 0, about.layers.length) && isWhole(stop, first, about.layers.length);
    if (fits) found.set(component, [component, clamp(strength, -MOST_STRENGTH, MOST_STRENGTH), first, stop]);
  }
  return [...found.values()];
}

// The state without seeds that do not show: rows of zeros, and weights where a later seed has weight 1. B stays, and
// if there are too many seeds, the earliest ones that were mixed in go.
export function pruned(state) {
  const last = state.weights.length - 1;
  const rows = state.weights.map((row, index) => row.map((weight, layer) =>
    (state.weights.slice(index + 1).some((later) => later[layer] === 1) ? 0 : weight)));
  let kept = rows.map((row, index) => index).filter((index) => index === last || rows[index].some(Boolean));
  kept = kept.slice(-(MOST_SEEDS - 1));
  return {
    ...state,
    seeds: [state.seeds[0], ...kept.map((index) => state.seeds[index + 1])],
    weights: kept.map((index) => rows[index]),
  };
}

// What the server draws of a state: without B if it does not show, and without edits of strength 0.
export function drawn(state) {
  const rows = state.weights.map((_, index) => index).filter((index) => state.weights[index].some(Boolean));
  return {
    ...state,
    seeds: [state.seeds[0], ...rows.map((index) => state.seeds[index + 1])],
    weights: rows.map((index) => state.weights[index]),
    edits: state.edits.filter((edit) => edit[1] !== 0),
  };
}

export const nameOf = (seed) => seed.latent ?? String(seed.seed);

// What a file of this image is called: seed_28, seeds_28_19, or for a photo its name, or its name and "_mix".
export function fileName(state) {
  const { seeds, weights } = drawn(state);
  const last = weights.length && lastOf(weights).every((weight) => weight === 1); // nothing of the others is seen
  const [first, ...others] = last ? [lastOf(seeds)] : seeds;
  if (first.latent !== undefined) return others.length ? `${first.latent}_mix` : first.latent;
  const names = [first, ...others].map(nameOf);
  return names.length === 1 ? `seed_${names[0]}` : `seeds_${names.slice(0, MOST_NAMES).join("_")}`;
}

// One seed alone, drawn as the state is.
export const alone = (state, seed) => drawn({ ...state, seeds: [seed], weights: [], edits: [] });

export const brushes = (state) => lastOf(state.weights);
export const withBrushes = (state, row) => ({ weights: [...state.weights.slice(0, -1), row] });

// The patch of a state that puts a seed in the place of A (0) or B (1).
export function withSeed(state, place, seed) {
  const at = place ? state.seeds.length - 1 : 0;
  return { seeds: state.seeds.map((one, index) => (index === at ? seed : one)) };
}

// The patch that keeps B as it is, and makes another seed the one that is brushed.
export function withAnother(state, seed, row) {
  const { seeds, weights } = pruned({ seeds: [...state.seeds, seed], weights: [...state.weights, row] });
  return { seeds, weights };
}

export function withEdit(state, component, strength, [first, stop]) {
  const others = state.edits.filter((edit) => edit[0] !== component);
  const edits = [...others, [component, strength, first, stop]].sort((one, other) => one[0] - other[0]);
  return { edits };
}

// Nine random changes, three in each zone, coarse ones first: {layers: [first, stop]} and either {seed}, which is mixed
// in there, or {component, step}.
export function nineChanges(about) {
  const zones = Object.values(zonesOf(about.layers));
  return zeros(9).map((_, index) => randomChange(about, zones[Math.floor(index / 9 * zones.length)]));
}

function randomChange(about, [first, stop]) {
  const random = (low, high) => low + Math.floor(Math.random() * (high - low));
  if (about.components.length && Math.random() < 0.25) {
    const component = random(0, Math.min(6, about.components.length));
    return { component, step: (Math.random() < 0.5 ? -1 : 1) * (1 + 1.5 * Math.random()), layers: [first, stop] };
  }
  const begin = random(first, Math.max(first + 1, stop - 1));
  const end = random(Math.min(begin + 2, stop), Math.min(stop + 2, about.layers.length) + 1);
  return { seed: randomSeed(), layers: [begin, end] };
}

// The state with one of these changes: a child.
export function changed(state, { seed, component, step, layers }) {
  if (seed !== undefined) return { ...state, ...withAnother(state, { seed }, rowOf(brushes(state).length, layers)) };
  const [, old, ...range] = state.edits.find((edit) => edit[0] === component && edit[1]) ?? [component, 0, ...layers];
  const strength = clamp(old + step, -MOST_STRENGTH, MOST_STRENGTH);
  return { ...state, ...withEdit(state, component, rounded(strength, 1), range) };
}
