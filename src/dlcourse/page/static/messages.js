// The server's messages in Chinese. A key is a message, or a part of one, as the code has it, with names in braces for
// its values; what a value may be, and whether it is translated, follows from its name: see below.

import { currentLanguage } from "./words.js";

const chinese = {
  // requests
  "this server answers only under its own address": "服务器只在自己的地址上应答",
  "open the address that the terminal shows": "请打开终端里显示的地址",
  "requests come from the page alone": "只接受来自本页面的请求",
  "no such request": "没有这种请求",
  "too long a request": "请求太长",
  "the request is not JSON": "请求不是 JSON",
  "the request must be a JSON object": "请求必须是 JSON 对象",
  "an error of the server; its terminal tells more": "服务器内部错误；详情见终端",
  // values
  "{key} must be {wanted}, got {value}": "{key} 必须是{wanted}（收到：{value}）",
  "{key} must be {wanted}, got nothing": "{key} 必须是{wanted}（收到：空值）",
  "a number from {low} to {high}": "从 {low} 到 {high} 的数",
  "a whole number from {low} to {high}": "从 {low} 到 {high} 的整数",
  "one of {choices}": "以下之一：{choices}",
  "true or false": "真假值（true 或 false）",
  "a text of at most {most} characters": "最多 {most} 个字符的文本",
  "an object": "一个对象",
  "a list of at most {most} objects": "最多 {most} 个对象的列表",
  "a list of at most {most} numbers": "最多 {most} 个数的列表",
  "a list of at most {most} lists": "最多 {most} 个列表的列表",
  "a list of at most {most} whole numbers": "最多 {most} 个整数的列表",
  // jobs
  "one job at a time: stop the other one first, or wait until its step has ended":
    "一次只能做一项计算：请先停止另一项，或等它完成当前这一步",
  "the process of this job has ended; perhaps there was not enough memory": "这项计算的进程已经结束；也许是内存不足",
  "an error of the program: {reason}": "程序出错：{reason}",
  "{run} is being painted": "{run} 正在绘制",
  "there is no run {number} since the page was started": "服务器启动以来没有第 {number} 次绘制",
  // files
  "no such file": "没有这个文件",
  "no such run folder": "没有这个训练文件夹",
  "{what}; did you mean {path}?": "{what}；要找的是 {path} 吗？",
  "{what}; there is no folder {folder}": "{what}；也没有文件夹 {folder}",
  "cannot be read ({reason})": "无法读取（{reason}）",
  "cannot be written ({reason})": "无法写入（{reason}）",
  "No space left on device": "磁盘空间不足",
  "Permission denied": "没有权限",
  // images
  "larger than {most} MB": "超过 {most} MB",
  "more than {most} images: start the page anew": "图片已超过 {most} 张：请重新启动本页面的服务器",
  "there is no upload {number}": "没有编号为 {number} 的上传图片",
  "an empty file": "空文件",
  "not an image that can be read (the formats are {formats})": "不是可读取的图片（支持的格式：{formats}）",
  "a broken image ({reason})": "图片已损坏（{reason}）",
  "a TIFF of a kind that Pillow cannot read, such as colours in floating point":
    "Pillow 无法读取的 TIFF 类型，例如浮点数的彩色图片",
  "a HEIC image, which needs pillow-heif: pip install 'dlcourse[heic]', or convert it to JPEG":
    "HEIC 图片需要 pillow-heif：运行 pip install 'dlcourse[heic]'，或转换成 JPEG",
  "refused as too large ({reason})": "图片太大（{reason}）",
  "{width} x {height}; {limits}": "{width} x {height}；{limits}",
  "at most {most} million pixels, {side} per side": "最多 {most} 百万像素，每边最多 {side}",
  "an image of {width} x {height} pixels is too small for {layers}":
    "{width} x {height} 像素的图片太小，无法用于 {layers}",
  "an image of {width} x {height} pixels is too small for the network":
    "{width} x {height} 像素的图片太小，无法用于 AdaIN 网络",
  "{what}, which needs {least} on each side": "{what}（每边至少 {least} 像素）",
  "{what}; {setting} is enough": "{what}；设为 {setting} 即可",
  "{what}; set {setting} or more": "{what}；请设为 {setting} 或更大",
  "is all black; a mask is white where it counts": "全是黑色；遮罩起作用的地方应为白色",
  // StyleGAN
  "another page has opened {network}: load this page anew": "另一个页面打开了 {network}：请刷新本页",
  "another page has opened bundled faces: load this page anew": "另一个页面打开了自带的人脸网络：请刷新本页",
  "latent: there is no projection called {quoted} in {folder}": "{folder} 里没有名为 {quoted} 的投影",
  "latent: {name} was found with another network, {network}": "{name} 是用另一个网络找到的：{network}",
  "latent: {name} was found with another network, which is unknown": "{name} 是用另一个网络找到的，但不知道是哪一个",
  "edits: components are 0 to {last} here": "edits：这里的主成分编号从 0 到 {last}",
  "states must be at least one": "至少需要一张图像",
  "{total} frames: at most {most} of this size": "共 {total} 帧：这种尺寸最多 {most} 帧",
  "there is no animation {number} any more": "编号为 {number} 的动画已不在",
  // points
  "a list of at most {most} points": "最多 {most} 个点的列表",
  "a list of [x1, x2, class]": "由 [x1, x2, 类别] 组成的列表",
  "a list of at most {most} different names of classes": "最多 {most} 个互不相同的类别名的列表",
  "plane must be [left, right, bottom, top], left < right and bottom < top":
    "plane 必须是 [左, 右, 下, 上]，且左 < 右、下 < 上",
  "{found}: at most {most} in {classes} here; for more: {command}":
    "{found}：这里最多 {most} 个点、{classes} 类；更多请用命令 {command}",
  "{count} points in {classes} classes": "{count} 个点，{classes} 类",
  "has no {columns} (it has {others})": "缺少 {columns}（现有 {others}）",
  "has no {columns} (it has no columns)": "缺少 {columns}（一列也没有）",
  "has no {columns} in a header of at most {most} letters": "在最多 {most} 个字符的表头里缺少 {columns}",
  "has two columns {key}": "有两列 {key}",
  "has no points; {columns} must have one shape (N,)": "没有点；{columns} 的形状都应为 (N,)",
  "only one class, {quoted}; at least 2 are needed": "只有一个类别 {quoted}；至少需要 2 个",
  "more than {most} different labels; they must be classes": "不同的标签超过 {most} 个；标签必须是类别",
  "{wrong}, not a finite number of at most {most} (line {line})":
    "{wrong}，不是绝对值不超过 {most} 的有限数（第 {line} 行）",
  "{key} of sample {number} is {quoted}": "第 {number} 个样本的 {key} 是 {quoted}",
  "{key} of sample {number} is {quoted}, but {mark} was used before (line {line})":
    "第 {number} 个样本的 {key} 是 {quoted}，但前面的小数点是 {mark}（第 {line} 行）",
  "sample {number} has no label (line {line})": "第 {number} 个样本没有标签（第 {line} 行）",
  "line {line} has {cells} cells, and the header {width}": "第 {line} 行有 {cells} 格，表头有 {width} 格",
};

const NAME = /\{(\w+)\}/g;
const OURS = ["found", "limits", "reason", "wanted", "what", "wrong"]; // parts of messages: these alone are translated
const FREE = ["columns", "command", "folder", "formats", "layers", "name", "network", "others", "path", "value"];
const FORMS = {
  ...Object.fromEntries([...OURS, ...FREE].map((name) => [name, ".+?"])),
  choices: `[^:'"]+`, // words of the program
  quoted: String.raw`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`, // as Python's repr
};
const LONGEST = 600; // characters of a message that is compared with the patterns

// A pattern for each key; the one with the most words of its own comes first. A value without a form of its own is a
// number or another word without spaces.
const own = (key) => key.replace(NAME, "").length;
const patterns = Object.keys(chinese).sort((one, other) => own(other) - own(one)).map((key) => {
  const escaped = key.replace(/[.*+?^$()[\]|\\]/g, "\\$&");
  const pattern = escaped.replace(NAME, (_, name) => `(?<${name}>${FORMS[name] ?? "\\S+"})`);
  return [chinese[key], new RegExp(`^${pattern}$`, "s")];
});

// The Chinese of a message, or of a part of one; undefined if it is not known. A reason may be one of another program.
function known(message) {
  for (const [text, pattern] of patterns) {
    const found = pattern.exec(message);
    if (!found) continue;
    const values = { ...found.groups };
    for (const name of OURS.filter((one) => one in values)) {
      values[name] = known(values[name]) ?? (name === "reason" ? values[name] : "");
    }
    if (Object.values(values).every(Boolean)) return text.replace(NAME, (_, name) => values[name]);
  }
}

// A message of the server in the page's language; one that is not known stays as it is. The name of a file may come
// before it, "NAME: message". If a name can be read as a part of the message, the message stays as it is, too.
export function translated(message) {
  if (currentLanguage() !== "zh" || message.length > LONGEST) return message;
  const whole = known(message);
  if (whole) return whole;
  const readings = [...message.matchAll(/: /g)].flatMap(({ index }) => {
    const reason = known(message.slice(index + 2));
    return reason ? [`${message.slice(0, index)}：${reason}`] : [];
  });
  return readings.length === 1 ? readings[0] : message;
}
