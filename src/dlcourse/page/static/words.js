// English and Chinese. Texts are looked up by their English words; a tab adds its own with addWords.

const chinese = {
  "StyleGAN": "StyleGAN",
  "Style transfer": "风格迁移",
  "Playground": "神经网络游乐场",
  "the command": "命令",
  "copy": "复制",
  "copied": "已复制",
  "choose an image": "选择图片",
  "dark": "深色",
  "light": "浅色",
  "close": "关闭",
  "loading ...": "正在加载……",
  "{name}: larger than 32 MB": "{name}：超过 32 MB",
  "this link is damaged": "这个链接已损坏",
  "the server does not answer: has it ended?": "服务器没有回应：它是否已经结束？",
};

let language = localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en");

export function addWords(words) { Object.assign(chinese, words); }

// The text in the page's language. {name} in it is replaced by values.name.
export function t(text, values = {}) {
  const found = language === "zh" ? chinese[text] ?? text : text;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function currentLanguage() { return language; }

export function setLanguage(next) {
  language = next;
  localStorage.setItem("language", next);
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
}
