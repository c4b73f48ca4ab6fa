"use strict";
// Robustness: a heat map of what each corruption costs each method, and curves over severity.
(() => {
  const parts = JSON.parse(document.getElementById("robustness-data").textContent);
  const style = { background: "none", color: "currentColor", fontFamily: "inherit", fontSize: "12px" };
  const make = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const pick = (label, names) => {
    const select = make("select"), around = make("label", `${label} `);
    names.forEach((name) => select.append(Object.assign(make("option", name), { value: name })));
    around.append(select);
    return { around, select };
  };

  const heat = (part, methods, table) => {
    const cells = methods.flatMap((method) => part.corruptions.map((corruption) => ({ method, corruption, lost: table[method][corruption] })));
    const end = Math.max(0.1, d3.quantile(cells.map((cell) => Math.abs(cell.lost)).sort(d3.ascending), 0.98));
    return Plot.plot({
      style, marginLeft: 110, marginBottom: 92, width: Math.max(560, 130 + 40 * part.corruptions.length), height: 110 + 24 * methods.length, padding: 0.04,
      x: { domain: part.corruptions, tickRotate: -45, label: null }, y: { domain: methods, label: null },
      color: { type: "diverging", scheme: "RdBu", reverse: true, domain: [-end, end], pivot: 0, legend: false },
      marks: [
        Plot.cell(cells, { x: "corruption", y: "method", fill: "lost", tip: true, title: (cell) => `${cell.method}, ${cell.corruption}\nlost ${percent(cell.lost)}` }),
        Plot.text(cells, { x: "corruption", y: "method", text: (cell) => (100 * cell.lost).toFixed(0).replace(/^-0$/, "0"), fill: (cell) => (Math.abs(cell.lost) > 0.6 * end ? "#fff" : "#222"), fontSize: 10 }),
      ],
    });
  };

  const curves = (part, metric, chosen) => {
    const points = part.lines.flatMap(({ method }) => part.corruptions.flatMap((corruption) => [
      { method, corruption, severity: 0, kept: 1 },
      ...part.severities[corruption].map((severity, place) => ({ method, corruption, severity, kept: 1 - part.by_severity[metric][method][corruption][place] })),
    ]));
    const columns = 6, place = (name) => part.corruptions.indexOf(name);
    const facet = (point) => place(point.corruption) % columns, row = (point) => Math.floor(place(point.corruption) / columns);
    const kept = points.map((point) => point.kept);
    return Plot.plot({
      style, width: 1000, height: 60 + 150 * Math.ceil(part.corruptions.length / columns), marginLeft: 44,
      fx: { axis: null }, fy: { axis: null }, x: { label: "severity", ticks: [0, ...part.all_severities], tickFormat: "d" },
      y: { label: "kept", grid: true, tickFormat: percent, domain: [Math.min(0.4, d3.quantile(kept.sort(d3.ascending), 0.02)), Math.max(1.1, d3.quantile(kept, 0.99))], clamp: true },
      marks: [
        Plot.line(points, { x: "severity", y: "kept", z: "method", fx: facet, fy: row, stroke: "var(--line)", strokeWidth: 1 }),
        Plot.line(points.filter((point) => point.method === part.baseline), { x: "severity", y: "kept", z: "method", fx: facet, fy: row, stroke: "var(--soft)", strokeDasharray: "3,3" }),
        Plot.line(points.filter((point) => point.method === chosen), { x: "severity", y: "kept", z: "method", fx: facet, fy: row, stroke: "var(--accent)", strokeWidth: 2.5, marker: "dot" }),
        Plot.text(part.corruptions.map((corruption) => ({ corruption })), { fx: facet, fy: row, frameAnchor: "top-left", dx: 4, dy: 3, text: "corruption", fontWeight: 600 }),
        Plot.tip(points, Plot.pointer({ x: "severity", y: "kept", fx: facet, fy: row, title: (point) => `${point.method}\n${point.corruption} ${point.severity}: ${percent(point.kept)} kept` })),
      ],
    });
  };

  document.querySelectorAll(".robustness-plots").forEach((place) => {
    const part = parts[Number(place.dataset.part)];
    const metric = pick("by", part.shown), method = pick("method", part.lines.map((line) => line.method));
    const map = make("div", "", "scroll"), lines = make("div", "", "scroll"), picks = make("div", "", "picks");
    picks.append(metric.around, method.around);
    const draw = () => {
      map.replaceChildren(heat(part, part.lines.map((line) => line.method), part.by_corruption[metric.select.value]));
      lines.replaceChildren(curves(part, metric.select.value, method.select.value));
    };
    [metric.select, method.select].forEach((select) => select.addEventListener("change", draw));
    place.append(picks, make("h4", "Lost to each corruption, mean over severities, in percent of a method's own clean value"), map,
      make("h4", "Kept by severity: the chosen method, the baseline dashed, all others grey"), lines);
    draw();
  });
  document.querySelectorAll(".robustness-people").forEach((place) => {
    const part = parts[Number(place.dataset.part)];
    const map = make("div", "", "scroll");
    map.append(heat(part, part.people.map((own) => own.method).filter((method) => method in part.people_lost), part.people_lost));
    place.append(make("h4", "AP50 lost to each corruption, in percent of the clean one"), map);
  });
})();
