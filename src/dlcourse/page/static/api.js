// Requests to the server. Each throws an Error with the server's message, in the page's language, if it is refused.

import { translated } from "./messages.js";
import { t } from "./words.js";

const MOST_BYTES = 32 * 2 ** 20; // as the server's MAX_UPLOAD
const MOST_LETTERS = 60; // of a file's name, as the server's shown_name

async function send(path, options) {
  const response = await fetch(path, { method: "POST", credentials: "same-origin", ...options }).catch((error) => {
    throw error.name === "AbortError" ? error : new Error(t("the server does not answer: has it ended?"));
  });
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new Error(translated(told.error || response.statusText));
  }
  return response;
}

// POST a JSON object, get one.
export async function post(name, body = {}, signal) {
  return (await send(`/api/${name}`, { body: JSON.stringify(body), signal })).json();
}

// POST a JSON object, get a file.
export async function postForBlob(name, body = {}, signal) {
  return (await send(`/api/${name}`, { body: JSON.stringify(body), signal })).blob();
}

// POST an image file; get {upload, name, size, image}: its number, and a small data URL of it.
export async function upload(file) {
  if (file.size > MOST_BYTES) throw new Error(t("{name}: larger than 32 MB", { name: file.name }));
  const name = encodeURIComponent(shortened(file.name || "image"));
  return (await send("/api/upload", { body: file, headers: { "X-Name": name } })).json();
}

// A file's name, its stem cut so that the server need not cut off the extension.
export function shortened(name) {
  const [extension] = /(\.\w{1,8})?$/.exec(name);
  const stem = [...name.slice(0, name.length - extension.length)]; // whole characters, as the server counts them
  return stem.slice(0, MOST_LETTERS - extension.length).join("") + extension;
}

// Do a job: POST a JSON object, and call onEvent with each object that comes. Resolves when the job has ended.
// Aborting the signal ends the job on the server, too.
export async function job(name, body, onEvent, signal) {
  const response = await send(`/api/${name}`, { body: JSON.stringify(body), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.filter(Boolean)) {
      const event = JSON.parse(line);
      if (event.error) throw new Error(translated(event.error));
      onEvent(event);
    }
  }
}

// Let a browser save a blob under a name.
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
