// Actions that are asked for faster than they can be done.

import { guarded } from "../dom.js";

const SHORT = 150; // milliseconds; what takes longer is shown as busy

// One at a time, and at last the latest. onbusy(true) follows if it takes long, onbusy(false) when all is done.
export function latest(action, onbusy = () => {}) {
  let isBusy = false, isAsked = false;
  return async () => {
    isAsked = true;
    if (isBusy) return;
    isBusy = true;
    const timer = setTimeout(() => onbusy(true), SHORT);
    while (isAsked) {
      isAsked = false;
      await guarded(action);
    }
    isBusy = false;
    clearTimeout(timer);
    onbusy(false);
  };
}
