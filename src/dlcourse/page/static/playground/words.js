// The playground in Chinese.

import { addWords } from "../words.js";

addWords({
  // the bar
  "training": "训练", "Play": "开始", "Pause": "暂停", "Step": "单步", "Reset": "重置", "speed": "速度",
  "as fast as it can": "尽量快", "100 a second": "每秒 100 步", "30 a second": "每秒 30 步", "10 a second": "每秒 10 步",
  "2 a second": "每秒 2 步", "lesson": "小实验", "choose a lesson": "选择一个小实验",
  "Press play. A lesson says what to expect.": "按“开始”。每个小实验都会说明会发生什么。",
  "(changed since)": "（之后改动过）",
  "See {file} in the project's folder, “{heading}”.": "见项目文件夹里 {file} 的“{heading}”一节。",
  "starting ...": "正在启动……", "step {done} of {total}": "第 {done} 步，共 {total} 步",
  "step {done} of {total}, {rate} updates/s": "第 {done} 步，共 {total} 步，每秒 {rate} 次更新",
  "test": "测试集",
  "{skipped} updates skipped: not finite": "跳过了 {skipped} 次不是有限数的更新",
  "another page trains now; press reset": "另一个页面正在训练；请按“重置”",
  "The command that trains this very network": "训练出同一个网络的命令",
  "keep as a run": "保存为一次运行", "kept in {folder}": "已保存在 {folder}",
  "trains it once more, to the last step, in a folder that TensorBoard and dlcourse report read":
    "从头再训练到最后一步，结果存在一个文件夹里，可用 TensorBoard 和 dlcourse report 查看",
  "It comes as soon as there are enough points.": "点够了就会出现。",
  // data
  "data": "数据", "three colours": "三种颜色", "rings": "圆环", "noisy line": "有噪声的直线", "flower": "花",
  "own points": "自己的点", "points": "点数", "wrong labels": "错误标签", "input noise": "输入噪声",
  "share of the points that have a wrong label": "标签错误的点所占比例",
  "noise on every training batch; also against overfitting": "加在每一批训练数据上的噪声；也能对付过拟合",
  "the training points become own points, to be changed": "把训练点变成自己的点，以便修改",
  "change these points": "修改这些点", "class {number}": "第 {number} 类", "eraser": "橡皮",
  "a CSV file": "CSV 文件", "at most 200 kB": "最多 200 kB", "a table of points": "点的表格", "moons": "月牙",
  "erase all": "全部擦除", "load a CSV": "打开 CSV", "paste a CSV": "粘贴 CSV", "use these points": "使用这些点",
  "Click sets a point, drag moves it, right-click or the eraser erases it; keys 1-6 choose the class.":
    "单击放一个点，拖动移动它，右键或橡皮擦除；按 1-6 选择类别。",
  "Tap sets a point, drag moves it; with the eraser, a tap erases it.": "点一下放一个点，拖动移动它；选橡皮后点一下擦除。",
  "A table has the columns x1,x2,label: two numbers and a class. Other names, or none, will do.":
    "表格的列是 x1,x2,label：两个数和一个类别。列名不同或没有表头也可以。",
  "this table": "这个表格",
  "{count} points in {classes} classes": "{count} 个点，{classes} 类",
  "dev points (hollow)": "验证点（空心）", "dev points": "验证点", "dev (hollow) and test (crosses)": "验证点（空心）和测试点（叉）",
  "{train} to train on, {dev} dev, {test} test": "训练 {train} 个，验证 {dev} 个，测试 {test} 个",
  "Click in the square to set points of at least two classes, three of each or more, or take moons.":
    "在方框里单击，至少放两类点，每类至少三个；或者使用月牙。",
  "between": "中间", "inner ring": "内环", "outer ring": "外环", "petals 2, 4, 5": "花瓣 2、4、5",
  "petals 0, 1, 3": "花瓣 0、1、3",
  "the points and the decision map": "点和决策图",
  "own points: arrows move the cursor, Enter sets a point, Delete erases, 1-6 choose a class":
    "自己的点：方向键移动光标，回车放点，Delete 擦除，1-6 选择类别",
  // network
  "the network": "网络", "Network": "网络", "+ layer": "+ 层", "− layer": "− 层", "units": "单元数",
  "blue: positive, orange: negative; point at a unit or a line": "蓝色为正，橙色为负；把指针放在单元或连线上可查看详情",
  "layer {layer}, unit {unit}": "第 {layer} 层第 {unit} 个单元", "weights of its inputs": "它的输入权重",
  "fewer units in layer {layer}": "第 {layer} 层减少单元", "more units in layer {layer}": "第 {layer} 层增加单元",
  "{count} more": "还有 {count} 个", "inputs": "输入", "classes": "类别",
  "weight from {from} to {to} in layer {layer}: {weight}": "第 {layer} 层从 {from} 到 {to} 的权重：{weight}",
  // curves
  "Curves": "曲线", "train": "训练", "dev": "验证", "log scale": "对数坐标", "loss (cross-entropy)": "损失（交叉熵）", "accuracy": "准确率",
  "gradient norm of each layer": "各层的梯度范数",
  // options
  "options": "选项", "Options": "选项", "activation": "激活函数", "initial weights": "初始权重", "normalization": "归一化",
  "dropout": "dropout", "optimizer": "优化器", "learning rate": "学习率", "lr": "学习率", "schedule": "学习率调度",
  "batch size": "批大小", "L2 penalty": "L2 惩罚", "steps": "步数", "seed": "随机种子", "another seed": "换一个种子",
  "all": "全部", "constant": "不变", "none": "无", "batch norm": "批归一化", "layer norm": "层归一化",
  "gradient descent": "梯度下降", "momentum": "动量", "one cycle": "单周期", "inverse square root": "平方根倒数",
  "cosine": "余弦", "exponential": "指数", "hyperbolic": "双曲", "plateau": "停滞时降低", "zeros": "全零",
  "normal": "正态", "orthogonal": "正交", "default": "torch 默认",
});
