// The state of the playground: what a training is made of. It comes from the page, or from a link, which is checked.

const isNumber = (low, high) => (value) => typeof value === "number" && value >= low && value <= high;
const isWhole = (low, high) => (value) => Number.isInteger(value) && value >= low && value <= high;
const isOneOf = (known) => (value) => known.includes(value);

// For each key, what is allowed.
function rules({ choices, presets }) {
  const { most } = choices;
  const isPoint = (one) => Array.isArray(one) && one.length === 3 && one.slice(0, 2).every(isNumber(-1e18, 1e18))
    && isWhole(0, most.colors - 1)(one[2]);
  return {
    preset: (value) => value === "" || presets.some((one) => one.id === value),
    data: isOneOf(choices.data),
    own: (value) => Array.isArray(value) && value.length <= most.points && value.every(isPoint),
    names: (value) => Array.isArray(value) && value.length <= most.colors && new Set(value).size === value.length
      && value.every((one) => typeof one === "string" && one.trim() === one && one.length > 0 && one.length <= 40),
    num_train: isWhole(2, most.train),
    label_noise: isNumber(0, 0.5),
    input_noise: isNumber(0, 2),
    hidden: (value) => Array.isArray(value) && value.length <= most.layers && value.every(isWhole(1, most.units)),
    activation: isOneOf(choices.activation),
    init: isOneOf(choices.init),
    norm: isOneOf(choices.norm),
    dropout: isNumber(0, 0.9),
    optimizer: isOneOf(choices.optimizer),
    lr: isNumber(1e-6, 1e3),
    scheduler: isOneOf(choices.scheduler),
    batch_size: isWhole(0, most.train),
    l2: isNumber(0, 10),
    seed: isWhole(0, most.seed),
    steps: isWhole(1, most.steps),
  };
}

// The usual state with everything of `given` that is allowed.
export function checkedState(given, about) {
  const state = { preset: "", own: [], names: [], ...structuredClone(about.usual) };
  for (const [key, isAllowed] of Object.entries(rules(about))) {
    if (given && typeof given === "object" && key in given && isAllowed(given[key])) state[key] = given[key];
  }
  return state;
}

// What a preset makes of a state: the usual one with its changes, and the own points that are there.
export function presetState(id, about, own, names) {
  const preset = about.presets.find((one) => one.id === id);
  return checkedState({ ...about.usual, ...preset.state, preset: id, own, names }, about);
}

// Whether something was changed since the preset was chosen.
export function isChanged(state, about) {
  if (!state.preset) return false;
  const original = presetState(state.preset, about, state.own, state.names);
  return JSON.stringify(forLink(original)) !== JSON.stringify(forLink(state));
}

// The state as it stands in a link: own points only if they are used; keys in one order.
export function forLink(state) {
  const sorted = Object.fromEntries(Object.keys(state).sort().map((key) => [key, state[key]]));
  if (state.data !== "own") delete sorted.own;
  if (state.data !== "own" || !state.names.length) delete sorted.names;
  return sorted;
}

// The part of the plane that is shown for own points: the square around 0, or where they are.
export function planeOf(points) {
  const ends = (place, low, high) => {
    for (const point of points) {
      low = Math.min(low, point[place]);
      high = Math.max(high, point[place]);
    }
    const margin = 0.05 * Math.max(high - low, 1e-6 * Math.abs(high), 1e-9);
    return [low - margin, high + margin];
  };
  const isNear = points.every(([x, y]) => Math.abs(x) <= 1 && Math.abs(y) <= 1);
  const start = isNear ? [-1, 1] : [Infinity, -Infinity];
  return [...ends(0, ...start), ...ends(1, ...start)];
}

// The labels of the classes of own points, as the server gives them: the names of a table, then numbers that are free.
export function labelsOf(names, count) {
  const labels = [...names];
  while (labels.length < count) {
    let number = labels.length + 1;
    while (labels.some((label) => Number(label) === number)) number += 1;
    labels.push(String(number));
  }
  return labels;
}

// Whether own points cannot be trained on yet: that needs three points in each of two classes.
export function isLackingPoints(points) {
  const counts = new Map();
  for (const [, , number] of points) counts.set(number, (counts.get(number) || 0) + 1);
  return counts.size < 2 || [...counts.values()].some((count) => count < 3);
}

// Two half moons that grasp into each other.
export function moons(count) {
  const noise = () => 0.08 * (Math.random() + Math.random() + Math.random() - 1.5);
  return Array.from({ length: count }, (_, index) => {
    const angle = Math.PI * Math.random();
    const number = index % 2;
    const x = number ? 0.5 - Math.cos(angle) : Math.cos(angle) - 0.5;
    const y = number ? 0.25 - Math.sin(angle) : Math.sin(angle) - 0.25;
    return [round(0.6 * x + noise()), round(0.75 * y + noise()), number];
  });
}

export function round(value, digits = 4) { return Number(value.toPrecision(digits)); }
