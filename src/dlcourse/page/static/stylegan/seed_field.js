// A field for a seed.

import { h, tell } from "../dom.js";
import { t } from "../words.js";
import { LARGEST_SEED } from "./state.js";

const LEAST_DIGITS = 6; // that it has room for

// now() is the seed in use, or undefined; put(seed) changes it. What is no seed is told, and the field goes back to the
// seed in use. The field has show(), which shows the seed in use.
export function seedField(label, now, put) {
  const input = h("input", {
    type: "number", class: "sg-digits", min: 0, max: LARGEST_SEED, step: 1, "aria-label": label, oninput: () => fit(),
    onchange: () => {
      const number = Number(input.value);
      if (input.value !== "" && Number.isSafeInteger(number) && number >= 0) put(number);
      else tell(t("a seed is a whole number from 0 to {most}", { most: LARGEST_SEED }));
      input.show();
    },
  });
  const fit = () => input.style.setProperty("--digits", Math.max(LEAST_DIGITS, input.value.length));
  input.show = () => {
    input.value = now() ?? "";
    fit();
  };
  return input;
}
