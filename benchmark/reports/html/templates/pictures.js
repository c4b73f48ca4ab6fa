"use strict";
// Pictures: pair by pair, two methods beside their sources, with one zoom for all; as a slider; as a difference map.
(() => {
  const { element, options } = report;
  const viewer = document.getElementById("viewer");
  const state = { pair: "", a: "", b: "", mode: "side", order: "given", people: "detections" };
  let views = [], shift = d3.zoomIdentity, names = [];

  const pictures = () => report.pictures();
  const difference = (name, a, b) => {
    const { methods, pairs } = pictures();
    const [low, high] = [methods.indexOf(a), methods.indexOf(b)].sort((one, other) => one - other);
    return low < 0 || low === high ? null : pairs[name].differ[high][low];
  };
  const ordered = () => {
    const every = Object.keys(pictures().pairs);
    return state.order === "given" ? every : every.sort((one, other) => (difference(other, state.a, state.b) ?? -1) - (difference(one, state.a, state.b) ?? -1));
  };

  // Boxes over a picture: what the detector found, or who is followed where there is a sequence.
  const svgElement = (tag, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const boxes = (pair, name) => {
    const own = pair.boxes[name];
    if (!own || state.people === "none") return null;
    const svg = svgElement("svg", { viewBox: `0 0 ${pair.width} ${pair.height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const draw = ([left, top, right, bottom], kind) => svg.append(svgElement("rect", { x: left, y: top, width: right - left, height: bottom - top, class: `box ${kind}` }));
    const write = ([left, top], identity, kind) => svg.append(svgElement("text", { x: left, y: top - 2, class: `who ${kind}` }, String(identity)));
    if (state.people === "tracks" && own.tracks) {
      own.tracks.truth.forEach((box) => box[5] || draw(box, "truth miss"));
      own.tracks.trails.forEach((feet, place) => svg.append(svgElement("polyline", { points: feet.join(" "), class: `trail ${own.tracks.tracks[place][5] ? "hit" : "alarm"}` })));
      own.tracks.tracks.forEach((box) => { const kind = box[5] ? "hit" : "alarm"; draw(box, kind); write(box, box[4], kind); });
      return svg;
    }
    own.truth.forEach((box) => box[4] || draw(box, "truth miss"));
    own.found.forEach((box) => draw(box, box[4] ? "hit" : "alarm"));
    return svg;
  };

  // The same in words, for those who don't see it.
  const inWords = (pair, name) => {
    const own = pair.boxes[name];
    if (!own || state.people === "none") return "";
    const following = state.people === "tracks" && own.tracks;
    const [seen, truth, word] = following ? [own.tracks.tracks, own.tracks.truth, "followed"] : [own.found, own.truth, "found"];
    const hits = seen.filter((box) => box.at(-1)).length, missed = truth.filter((box) => !box.at(-1)).length;
    return `: ${hits} people ${word}, ${missed} missed, ${seen.length - hits} false alarms`;
  };

  const zoom = d3.zoom().scaleExtent([1, 16])
    .filter((event) => (event.type === "wheel" ? event.ctrlKey || event.metaKey || shift.k > 1 || event.altKey : event.type === "dblclick" || shift.k > 1 || (event.touches && event.touches.length > 1)))
    .on("zoom", (event) => event.sourceEvent && move(event.transform));
  const move = (transform) => {
    const width = views[0]?.clientWidth ?? 1, height = views[0]?.clientHeight ?? 1;
    const k = transform.k;
    shift = d3.zoomIdentity.translate(Math.min(0, Math.max(width * (1 - k), transform.x)), Math.min(0, Math.max(height * (1 - k), transform.y))).scale(k);
    for (const view of views) {
      view.__zoom = shift;
      view.classList.toggle("zoomed", k > 1);
      view.firstElementChild.style.transform = `translate(${shift.x}px, ${shift.y}px) scale(${k})`;
    }
  };
  const scaleBy = (factor) => {
    const width = views[0]?.clientWidth ?? 0, height = views[0]?.clientHeight ?? 0;
    const k = Math.min(16, Math.max(1, shift.k * factor)), ratio = k / shift.k;
    move(d3.zoomIdentity.translate(width / 2 - (width / 2 - shift.x) * ratio, height / 2 - (height / 2 - shift.y) * ratio).scale(k));
  };

  const source = (pair, name) => (name === "infrared" || name === "visible" ? pair[name] : pair.fused[name] ?? pair.references[name]);
  const view = (pair, name, caption) => {
    const layer = element("div", { class: "layer" }, element("img", { src: source(pair, name), alt: `${state.pair}, ${name}${inWords(pair, name)}`, draggable: "false" }), boxes(pair, name));
    const viewport = element("div", { class: "viewport" }, layer);
    views.push(viewport);
    d3.select(viewport).call(zoom).on("dblclick.zoom", null).on("dblclick", () => (shift.k > 1 ? move(d3.zoomIdentity) : scaleBy(3)));
    return element("figure", {}, element("figcaption", {}, caption), viewport);
  };
  const missing = (name) => element("figure", {}, element("figcaption", {}, name), element("p", { class: "note" }, "no picture"));
  const shown = (pair, name, caption) => (source(pair, name) ? view(pair, name, caption) : missing(name));

  const stage = (pair) => {
    views = [];
    const { a, b } = state;
    const bold = (name, before) => [before, element("b", {}, name)];
    if (state.mode === "side")
      return element("div", { class: "views", style: "--columns: 4" }, shown(pair, "infrared", "infrared"), shown(pair, "visible", "visible"), shown(pair, a, bold(a, "A: ")), shown(pair, b, bold(b, "B: ")));
    if (!(source(pair, a) && source(pair, b))) return element("div", { class: "views" }, missing(a), missing(b));
    if (state.mode === "slider")
      return element("figure", {}, element("figcaption", {}, bold(a, "left: "), bold(b, " · right: "), " · arrow keys move the line"),
        element("img-comparison-slider", { tabindex: "0", "aria-label": `${a} and ${b}` }, element("img", { slot: "first", src: source(pair, a), alt: a }), element("img", { slot: "second", src: source(pair, b), alt: b })));
    const map = element("div", { class: "viewport" }, element("div", { class: "layer difference" }, element("img", { src: source(pair, a), alt: `difference of ${a} and ${b}` }), element("img", { src: source(pair, b), alt: "" })));
    const figure = element("figure", {}, element("figcaption", {}, "|A − B|, four times as bright"), map);
    const sides = [shown(pair, a, bold(a, "A: ")), figure, shown(pair, b, bold(b, "B: "))];
    views.push(map);
    d3.select(map).call(zoom).on("dblclick.zoom", null).on("dblclick", () => (shift.k > 1 ? move(d3.zoomIdentity) : scaleBy(3)));
    return element("div", { class: "views", style: "--columns: 3" }, sides);
  };

  const step = (by) => {
    const every = ordered();
    state.pair = every[(every.indexOf(state.pair) + by + every.length) % every.length];
    draw();
  };
  const select = (label, key, values, texts) => element("label", {}, label, element("select", { "data-pick": key, onchange: (event) => { state[key] = event.target.value; if (key === "order") state.pair = ordered()[0]; draw(); } }, options(values, state[key], texts)));

  const draw = () => {
    const pair = pictures().pairs[state.pair];
    const every = ordered();
    const focused = viewer.contains(document.activeElement) ? document.activeElement.dataset.pick : null;
    const differs = (name) => { const value = difference(name, state.a, state.b); return value == null || state.order === "given" ? name : `${name} (${value})`; };
    const followed = Object.values(pair.boxes).some((own) => own.tracks);
    const modes = [["side", "side by side"], ["slider", "slider"], ["map", "difference"]];
    const tools = element("div", { class: "viewer-tools" },
      element("span", { class: "modes" }, element("button", { type: "button", "aria-label": "previous pair", "data-pick": "previous", onclick: () => step(-1) }, "◀"), element("button", { type: "button", "aria-label": "next pair", "data-pick": "next", onclick: () => step(1) }, "▶")),
      select("pair", "pair", every, every.map(differs)), select("sorted", "order", ["given", "differ"], ["as in the data set", "where A and B differ most"]),
      select("A", "a", names), select("B", "b", names),
      element("span", { class: "modes", role: "group", "aria-label": "view" }, modes.map(([mode, text]) => element("button", { type: "button", "data-pick": mode, "aria-pressed": String(state.mode === mode), onclick: () => { state.mode = mode; draw(); } }, text))),
      state.mode !== "slider" && element("span", { class: "modes" }, element("button", { type: "button", "data-pick": "in", "aria-label": "zoom in", onclick: () => scaleBy(2) }, "+"), element("button", { type: "button", "data-pick": "out", "aria-label": "zoom out", onclick: () => scaleBy(0.5) }, "−")),
      Object.keys(pair.boxes).length > 0 && select("people", "people", ["detections", "tracks", "none"], ["detections", followed ? "tracks" : "tracks (single image)", "not shown"]),
    );
    const key = Object.keys(pair.boxes).length && state.people !== "none" ? element("p", { class: "keys" }, element("span", { class: "key hit" }, state.people === "tracks" && followed ? "followed, with its way " : "found "), element("span", { class: "key miss" }, "missed "), element("span", { class: "key alarm" }, "false alarm")) : null;
    const strip = element("div", { class: "strip", role: "group", "aria-label": "all methods; a click makes one A" }, names.filter((name) => source(pair, name)).map((name) =>
      element("button", { type: "button", "data-pick": `strip ${name}`, "aria-pressed": String(name === state.a), onclick: () => { state.a = name; draw(); } }, element("img", { src: source(pair, name), alt: "", loading: "lazy" }), element("span", {}, name))));
    const left = pictures().left_out;
    viewer.replaceChildren(tools, stage(pair), ...[key].filter(Boolean),
      element("p", { class: "keys" }, element("kbd", {}, "←"), " ", element("kbd", {}, "→"), " other pairs · ", element("kbd", {}, "s"), " swap A and B · double click or ", element("kbd", {}, "+"), " zooms, dragging moves all", left ? ` · ${left} pairs are not in this file; written with --images beside, it has all` : ""), strip);
    move(shift);
    if (focused) viewer.querySelector(`[data-pick="${CSS.escape(focused)}"]`)?.focus();
    if (state.asked) report.setAddress({ data: report.index(), pair: state.pair, a: state.a, b: state.b, view: state.mode });
    state.asked = true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea, dialog, img-comparison-slider") || event.ctrlKey || event.metaKey || event.altKey || !viewer.querySelector(".viewer-tools")) return;
    const box = viewer.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight) return;
    if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "s") { [state.a, state.b] = [state.b, state.a]; draw(); }
    else if (event.key === "+" || event.key === "=") scaleBy(2);
    else if (event.key === "-") scaleBy(0.5);
    else return;
    event.preventDefault();
  });

  const begin = () => {
    const { pairs, methods, references } = pictures();
    const every = Object.keys(pairs);
    if (!every.length) return viewer.replaceChildren(element("p", { class: "note" }, "This file holds no pictures: they were left out, or the data set is not on the machine that wrote it."));
    const address = report.address();
    const board = report.board();
    names = [...board.lines.map((line) => line.method).filter((name) => methods.includes(name)), ...references];
    const wish = (key, among, otherwise) => (among.includes(address.get(key)) ? address.get(key) : otherwise);
    shift = d3.zoomIdentity;
    Object.assign(state, { asked: address.has("pair"), pair: wish("pair", every, every[0]), a: wish("a", names, names[0]), b: wish("b", names, names[1] ?? names[0]), mode: wish("view", ["side", "slider", "map"], state.mode) });
    draw();
  };

  report.whenNear("pictures", begin);
})();
