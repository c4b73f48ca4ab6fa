"use strict";
// Plots, by Observable Plot; each says in a sentence how it is read.
(() => {
  const { element, options, number } = report;
  const charts = document.getElementById("charts");
  const style = { background: "none", color: "currentColor", fontFamily: "inherit", fontSize: "12px" };
  const tone = { accent: "var(--accent)", soft: "var(--soft)", line: "var(--line)", warn: "var(--warn)", best: "var(--best-ink)" };
  const longest = (names) => Math.min(190, 14 + 7 * Math.max(4, ...names.map((name) => name.length)));
  const short = (name) => (name.length > 24 ? `${name.slice(0, 23)}…` : name);
  const width = () => Math.max(320, Math.min(720, (charts.clientWidth || 700) - 40));

  const chart = (title, text, draw, picks = []) => {
    const figure = element("figure", { role: "img", "aria-label": `${title}. ${text}` });
    const redraw = () => { const made = draw(...picks.map((pick) => pick.value)); figure.replaceChildren(made ?? element("p", { class: "note" }, "nothing to show")); };
    picks.forEach((pick) => pick.addEventListener("change", redraw));
    const own = element("article", { class: "chart" }, element("h3", {}, title), element("p", {}, text),
      picks.length ? element("div", { class: "picks" }, picks.map((pick) => element("label", {}, pick.dataset.label, pick))) : null, figure);
    redraw();
    return own;
  };
  const pick = (label, values, texts, chosen) => element("select", { "data-label": label }, options(values, chosen ?? values[0], texts));

  const plot = (settings) => Plot.plot({ style, width: width(), marginBottom: 42, ...settings });

  const ranks = (board) => {
    const lines = board.lines.filter((line) => line.rank != null);
    const names = lines.map((line) => line.method);
    return plot({
      marginLeft: longest(names), height: 60 + 22 * lines.length, x: { label: "mean rank (1 is best)", grid: true }, y: { domain: names, label: null, tickFormat: short },
      marks: [
        Plot.ruleY(lines, { x1: "low", x2: "high", y: "method", stroke: tone.soft, strokeWidth: 2 }),
        Plot.dot(lines, { x: "rank", y: "method", r: 4.5, fill: tone.accent, tip: true, title: (line) => `${line.method}\nmean rank ${line.rank}\n95 % ${line.low} to ${line.high}` }),
      ],
    });
  };

  const critical = (board) => {
    if (!board.test) return element("p", { class: "note" }, `There is no test: ${board.why_not}.`);
    const lines = board.lines.filter((line) => line.pair_rank != null).sort((one, other) => one.pair_rank - other.pair_rank);
    const names = lines.map((line) => line.method), rank = Object.fromEntries(lines.map((line) => [line.method, line.pair_rank]));
    const high = Math.max(...lines.map((line) => line.pair_rank)), low = lines[0].pair_rank, gap = (high - low || 1) / 28;
    const groups = board.test.groups.filter((group) => group.length > 1).map((group, place) => {
      const inside = names.filter((name) => group.includes(name));
      return { first: inside[0], last: inside.at(-1), x: high + gap * (2 + place), text: inside.join(", ") };
    });
    const scale = { x1: low, x2: Math.min(low + board.test.critical_difference, high) };
    return plot({
      marginLeft: longest(names), marginTop: 44, height: 84 + 22 * lines.length, x: { label: "mean of the ranks in each pair", grid: true }, y: { domain: names, label: null, tickFormat: short },
      marks: [
        Plot.ruleY(lines, { x1: low, x2: "pair_rank", y: "method", stroke: tone.line }),
        Plot.ruleX(groups, { x: "x", y1: "first", y2: "last", stroke: tone.accent, strokeWidth: 4, strokeLinecap: "round", tip: true, title: (group) => `cannot be told apart:\n${group.text.replaceAll(", ", "\n")}` }),
        Plot.dot(lines, { x: "pair_rank", y: "method", r: 4.5, fill: tone.accent, tip: true, title: (line) => `${line.method}\n${line.pair_rank}\nties: ${line.group}` }),
        Plot.link([scale], { x1: "x1", x2: "x2", y1: () => names[0], y2: () => names[0], dy: -20, stroke: "currentColor", strokeWidth: 2 }),
        Plot.text([scale], { x: "x1", y: () => names[0], dy: -28, textAnchor: "start", text: () => `critical difference ${number(board.test.critical_difference)}${low + board.test.critical_difference > high ? " (wider than this plot)" : ""}` }),
      ],
    });
  };

  const quantities = (board) => {
    const methods = report.methods;
    const own = { rank: ["mean rank", "lower", (line) => line.rank] };
    if (Object.values(board.seconds).some((value) => value != null)) own.seconds = ["seconds a pair", "lower", (line) => board.seconds[line.method]];
    if (board.lines.some((line) => methods[line.method]?.parameters)) own.parameters = ["parameters", "lower", (line) => methods[line.method]?.parameters || null];
    board.people.forEach((score, place) => (own[`people ${score.key}`] = [score.label, score.better, (line) => line.people[place].mean]));
    board.metrics.forEach((metric, place) => (own[`metric ${metric.key}`] = [metric.label, metric.better, (line) => line.cells[place].mean]));
    return own;
  };

  const scatter = (board, all) => (x, y) => {
    const [xLabel, xBetter, xOf] = all[x], [yLabel, yBetter, yOf] = all[y];
    const points = board.lines.map((line) => ({ method: line.method, x: xOf(line), y: yOf(line) })).filter((point) => point.x != null && point.y != null);
    if (points.length < 2) return null;
    const log = x === "seconds" || x === "parameters";
    const better = (one, other, direction) => (direction === "higher" ? one >= other : one <= other);
    const front = points.filter((one) => !points.some((other) => other !== one && better(other.x, one.x, xBetter) && better(other.y, one.y, yBetter) && (other.x !== one.x || other.y !== one.y))).sort((one, other) => one.x - other.x);
    const arrow = (direction) => (direction === "higher" ? "more is better" : "less is better");
    return plot({
      height: 380, marginLeft: 54, marginRight: 60, x: { label: `${xLabel} (${arrow(xBetter)})`, type: log ? "log" : "linear", grid: true, ticks: log ? 5 : undefined, tickFormat: x === "parameters" ? "~s" : log ? "~g" : undefined }, y: { label: `${yLabel} (${arrow(yBetter)})`, grid: true, reverse: yBetter === "lower" },
      marks: [
        Plot.line(front, { x: "x", y: "y", stroke: tone.accent, strokeDasharray: "4 4", curve: "linear" }),
        Plot.dot(points, { x: "x", y: "y", r: 4.5, fill: (point) => (front.includes(point) ? tone.accent : tone.soft), tip: true, title: (point) => `${point.method}\n${xLabel} ${number(point.x)}\n${yLabel} ${number(point.y)}` }),
        Plot.text(points.length > 14 ? front : points, { x: "x", y: "y", text: (point) => short(point.method), dx: 8, textAnchor: "start" }),
      ],
    });
  };

  const distribution = (board) => (place) => {
    const own = board.values.flatMap((pair) => pair.map((row, method) => ({ method: board.lines[method].method, value: row[place] }))).filter((point) => point.value != null);
    const names = board.lines.map((line) => line.method);
    return plot({
      marginLeft: longest(names), height: 60 + 22 * names.length, x: { label: `${board.metrics[place].label} ${board.metrics[place].arrow}`, grid: true }, y: { domain: names, label: null, tickFormat: short },
      marks: [Plot.boxX(own, { x: "value", y: "method", fill: tone.line, stroke: "currentColor", r: 2 })],
    });
  };

  const heat = (names, cells, label, settings) => {
    const size = Math.max(300, Math.min(width(), 90 + 26 * names.length));
    return plot({
      width: size, height: size, marginLeft: longest(names), marginBottom: longest(names) - 10, x: { domain: names, label: null, tickRotate: -60, tickFormat: short }, y: { domain: names, label: null, tickFormat: short },
      color: { legend: true, label, ...settings }, marks: [Plot.cell(cells, { x: "x", y: "y", fill: "value", inset: 0.5, tip: true, title: (cell) => `${cell.x}\n${cell.y}\n${number(cell.value)}` })],
    });
  };
  const agreement = (board) => {
    const names = board.metrics.map((metric) => metric.label);
    const cells = board.agreement.flatMap((row, y) => row.map((value, x) => ({ x: names[x], y: names[y], value }))).filter((cell) => cell.value != null);
    return heat(names, cells, "Kendall's tau", { scheme: "RdBu", domain: [-1, 1] });
  };
  const similarity = () => {
    const { pairs, methods: order } = report.pictures();
    const every = Object.values(pairs), methods = report.board().lines.map((line) => line.method).filter((name) => order.includes(name));
    const differ = (pair, one, other) => { const [low, high] = [order.indexOf(one), order.indexOf(other)].sort((a, b) => a - b); return pair.differ[high][low]; };
    const cells = methods.flatMap((y, high) => methods.slice(0, high).map((x) => {
      const known = every.map((pair) => differ(pair, x, y)).filter((value) => value != null);
      return known.length ? { x, y, value: d3.mean(known) } : null;
    })).filter(Boolean);
    return cells.length ? heat(methods, cells.flatMap((cell) => [cell, { x: cell.y, y: cell.x, value: cell.value }]), "mean difference, grey levels", { scheme: "YlGnBu", reverse: true }) : null;
  };

  const dumbbell = (board) => (place) => {
    const rows = board.retrained.map((couple) => {
      if (place !== "rank") { const own = couple.metrics[place]; return { network: couple.before, ...own, label: own.outcome > 0 ? "better" : own.outcome < 0 ? "worse" : "" }; }
      const rank = (name) => board.lines.find((line) => line.method === name).rank;
      const better = couple.metrics.filter((own) => own.outcome > 0).length, worse = couple.metrics.filter((own) => own.outcome < 0).length;
      return { network: couple.before, before: rank(couple.before), after: rank(couple.after), outcome: 0, label: `${better} better, ${worse} worse of ${couple.metrics.length}` };
    }).filter((row) => row.before != null && row.after != null);
    if (!rows.length) return null;
    const colour = (row) => (row.outcome > 0 ? tone.best : row.outcome < 0 ? tone.warn : tone.soft);
    const names = rows.map((row) => row.network);
    return plot({
      marginLeft: longest(names), marginRight: 150, height: 70 + 30 * rows.length, x: { label: place === "rank" ? "mean rank (less is better)" : `${board.metrics[place].label} ${board.metrics[place].arrow}`, grid: true }, y: { domain: names, label: null },
      marks: [
        Plot.link(rows, { x1: "before", x2: "after", y1: "network", y2: "network", stroke: colour, strokeWidth: 3 }),
        Plot.dot(rows, { x: "before", y: "network", r: 4.5, fill: "var(--card)", stroke: colour, strokeWidth: 2, tip: true, title: (row) => `${row.network}: ${number(row.before)} to ${number(row.after)}${row.p == null ? "" : `\np ${number(row.p)} (Holm), rank biserial ${number(row.effect)}`}` }),
        Plot.dot(rows, { x: "after", y: "network", r: 5.5, fill: colour }),
        Plot.text(rows, { x: (row) => Math.max(row.before, row.after), y: "network", text: "label", dx: 12, textAnchor: "start", fill: colour }),
      ],
    });
  };

  const draw = () => {
    const board = report.board();
    const all = quantities(board), keys = Object.keys(all), texts = keys.map((key) => all[key][0]);
    const people = keys.filter((key) => key.startsWith("people"));
    const places = board.metrics.map((_, place) => String(place)), labels = board.metrics.map((metric) => metric.label);
    charts.className = "charts";
    charts.replaceChildren(...[
      chart("Mean ranks", "Families of metrics weigh the same. Lines: 95 % of bootstrap samples of the pairs.", () => ranks(board)),
      chart("Which methods differ", "Methods ranked in each pair by itself (Friedman, Nemenyi, alpha .05). A bar joins methods that cannot be told apart.", () => critical(board)),
      board.retrained.length && chart("Retrained on references", "Hollow: original; filled: +rts. Green and amber: significantly better and worse (Wilcoxon, Holm).", dumbbell(board), [pick("by ", ["rank", ...places], ["mean rank", ...labels])]),
      chart("Quality against cost", "Dashed: the front, which no method beats in both.", scatter(board, all), [pick("across ", keys, texts, all.seconds ? "seconds" : keys[1]), pick("up ", keys, texts, "rank")]),
      people.length && chart("Quality against people", "Whether what metrics like is what people are found by.", scatter(board, all), [pick("across ", keys, texts, "rank"), pick("up ", people, people.map((key) => all[key][0]))]),
      chart("Over pairs", "Each method's values: box from the lower to the upper quartile, line at the median.", distribution(board), [pick("metric ", places, labels)]),
      board.metrics.length > 2 && chart("Do metrics agree?", "Kendall's tau of the orders in which two metrics put the methods, better with better.", () => agreement(board)),
      chart("Which methods look alike?", "Mean absolute difference of luminance between two methods' pictures.", similarity),
    ].filter(Boolean));
  };
  report.whenNear("plots", draw);
})();
