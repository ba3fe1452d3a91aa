// Small builders of elements, and the widgets that all tabs share.

import { t } from "./words.js";
import { upload } from "./api.js";

// h("button", { class: "main", onclick: f }, "text", child, ...) -> the element. Properties that begin with "on" are
// handlers, those with null are left out, all others are attributes.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// Show a message for some seconds, errors longer; the same one only once at a time.
export function tell(text, kind = "") {
  const messages = document.getElementById("messages");
  for (const other of messages.children) if (other.firstChild.textContent === String(text)) other.remove();
  const box = h("div", { class: `message ${kind}` }, h("span", {}, String(text)),
    h("button", { class: "close", "aria-label": t("close"), onclick: () => box.remove() }, "×"));
  messages.append(box);
  setTimeout(() => box.remove(), kind === "error" ? 9000 : 3500);
}

// Run an async function; what it throws is told, except that something was cancelled.
export async function guarded(action) {
  try {
    return await action();
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message, "error");
  }
}

// A labelled slider: field({ label, min, max, step, value, oninput(value), format(value) }). The returned element has
// set(value), which does not call oninput.
export function slider({ label, min, max, step, value, oninput, format = (x) => String(x), title = null }) {
  const shown = h("span", { class: "number" }, format(value));
  const input = h("input", { type: "range", min, max, step, "aria-label": label, title });
  input.value = value;
  input.addEventListener("input", () => {
    shown.textContent = format(Number(input.value));
    oninput(Number(input.value));
  });
  const box = h("label", { class: "field" }, h("span", {}, label), input, shown);
  box.set = (next) => { input.value = next; shown.textContent = format(Number(next)); };
  box.input = input;
  return box;
}

// A labelled choice: choices are [value, text] pairs.
export function choice({ label, choices, value, onchange, title = null }) {
  const select = h("select", { "aria-label": label, title },
    choices.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  select.addEventListener("change", () => onchange(select.value));
  const box = h("label", { class: "field" }, h("span", {}, label), select);
  box.set = (next) => { select.value = next; };
  box.select = select;
  return box;
}

// The command line that makes what is seen, with a button that copies it. set(text) changes it.
export function commandBox(label = t("the command")) {
  const code = h("code", { "aria-label": label });
  const copy = h("button", {
    onclick: () => navigator.clipboard.writeText(code.textContent).then(() => tell(t("copied"))),
  }, t("copy"));
  const box = h("div", { class: "command" }, code, copy);
  box.set = (text) => { code.textContent = text; };
  return box;
}

// A place for images: drop, paste or choose. onimage is called with the server's answer to each upload.
export function dropZone(text, onimage) {
  const input = h("input", { type: "file", accept: "image/*", hidden: true, multiple: true, "aria-label": text });
  const take = (files) => [...files].forEach((file) => guarded(async () => onimage(await upload(file))));
  input.addEventListener("change", () => { take(input.files); input.value = ""; });
  const zone = h("div", { class: "drop" },
    h("button", { onclick: () => input.click() }, t("choose an image")), " ", h("small", {}, text), input);
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files);
  });
  zone.addEventListener("paste", (event) => take(event.clipboardData.files));
  return zone;
}
