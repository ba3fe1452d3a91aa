// The page: three tabs, their state in the address, language and theme.
//
// A tab is a module that exports mount(root, state, save): it fills root, begins with the state (an object, or null for
// none), and calls save(state) whenever a link should bring another one back. mount returns a function that ends the
// tab's work.

import { h, tell } from "./dom.js";
import { currentLanguage, setLanguage, t } from "./words.js";

const TABS = { stylegan: "StyleGAN", style_transfer: "Style transfer", playground: "Playground" };
const states = {};
let current = null;
let unmount = () => {};

// #stylegan=STATE, where STATE is JSON.
function fromAddress() {
  const [name, text] = location.hash.slice(1).split(/=(.*)/s);
  if (!Object.hasOwn(TABS, name)) return ["stylegan", null];
  try {
    return [name, text ? JSON.parse(decodeURIComponent(text)) : null];
  } catch {
    tell(t("this link is damaged"), "error");
    return [name, null];
  }
}

function save(name, state) {
  states[name] = state;
  if (name === current) history.replaceState(null, "", `#${name}=${encodeURIComponent(JSON.stringify(state))}`);
}

async function show(name) {
  unmount();
  current = name;
  draw();
  const main = document.getElementById("main");
  const root = h("div", { id: `tab-${name}`, role: "tabpanel", "aria-label": t(TABS[name]) },
    h("p", { class: "faint" }, t("loading ...")));
  main.replaceChildren(root);
  document.getElementById("messages").replaceChildren(); // they were about the other tab
  unmount = () => {};
  const tab = await import(`./${name}/tab.js`).catch(() => {
    root.replaceChildren(h("p", {}, t("the server does not answer: has it ended?")));
  });
  if (!tab || current !== name || !root.isConnected) return;
  root.replaceChildren();
  unmount = tab.mount(root, states[name] ?? null, (next) => save(name, next));
}

// The header, which depends on the language.
function draw() {
  const tabs = Object.entries(TABS).map(([name, text]) => h("button", {
    role: "tab", "aria-selected": String(name === current), tabindex: name === current ? 0 : -1,
    onclick: () => show(name),
  }, t(text)));
  const list = document.getElementById("tabs");
  list.replaceChildren(...tabs);
  list.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = Object.keys(TABS);
    show(names[(names.indexOf(current) + step + names.length) % names.length]);
    list.querySelector('[aria-selected="true"]').focus();
  };
  const isDark = document.documentElement.dataset.theme === "dark";
  document.getElementById("settings").replaceChildren(
    h("button", { onclick: () => setTheme(isDark ? "light" : "dark") }, t(isDark ? "light" : "dark")),
    h("button", { lang: currentLanguage() === "zh" ? "en" : "zh-CN", onclick: switchLanguage },
      currentLanguage() === "zh" ? "English" : "中文"),
  );
}

function switchLanguage() {
  setLanguage(currentLanguage() === "zh" ? "en" : "zh");
  show(current);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  draw();
  document.dispatchEvent(new Event("theme"));
}

setLanguage(currentLanguage());
document.documentElement.dataset.theme = localStorage.getItem("theme")
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
const [name, state] = fromAddress();
states[name] = state;
show(name);
window.addEventListener("hashchange", () => {
  const [next, given] = fromAddress();
  states[next] = given;
  show(next);
});
